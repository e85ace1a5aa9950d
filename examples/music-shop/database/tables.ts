/** The tables that belong to a tenant, as `applyWall` takes them. */
export const TENANT_TABLES = [
  "artists",
  "albums",
  "tracks",
  "customers",
  "orders",
  "order_lines",
  "order_numbers",
];

/**
 * The schema, run by the login that owns it. Keys and foreign keys lead with the tenant: every shop numbers from 1, and
 * no reference can leave its shop. Idempotent.
 */
export const TABLES_SQL = `
create table if not exists genres (id integer primary key, name text not null);

create table if not exists artists (
  tenant_id uuid not null, id integer not null, name text not null,
  primary key (tenant_id, id));

create table if not exists albums (
  tenant_id uuid not null, id integer not null, artist_id integer not null,
  genre_id integer not null references genres, title text not null, year integer not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, artist_id) references artists (tenant_id, id));

create table if not exists tracks (
  tenant_id uuid not null, id integer not null, album_id integer not null,
  title text not null, seconds integer not null, price_cents integer not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, album_id) references albums (tenant_id, id));

create table if not exists customers (
  tenant_id uuid not null, id integer not null, name text not null, email text not null,
  primary key (tenant_id, id), unique (tenant_id, email));

create table if not exists orders (
  tenant_id uuid not null, id integer not null, customer_id integer not null,
  placed_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id));

create table if not exists order_lines (
  tenant_id uuid not null, order_id integer not null, track_id integer not null, price_cents integer not null,
  primary key (tenant_id, order_id, track_id),
  foreign key (tenant_id, order_id) references orders (tenant_id, id) on delete cascade,
  foreign key (tenant_id, track_id) references tracks (tenant_id, id));

create table if not exists order_numbers (tenant_id uuid primary key, last integer not null);
`;

/** Rows that belong to no tenant. Idempotent. */
export const GENRES_SQL = `
insert into genres values (1, 'Ambient'), (2, 'Blues'), (3, 'Folk'), (4, 'Jazz'), (5, 'Techno')
on conflict do nothing;
`;
