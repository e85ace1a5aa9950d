/** A statement of a single-tenant application, which knows nothing of tenants. */
export interface Query {
  readonly name: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** What a music shop asks of its database. Every one has a total order, so that answers can be compared. */
export const QUERIES: readonly Query[] = [
  {
    name: "customers with their agent and what they spent (join, aggregate)",
    text: `select c.customer_id, c.first_name, c.last_name, e.last_name as agent, count(i.*)::int as invoices, sum(i.total) as spent
      from customer c
      join employee e on e.employee_id = c.support_rep_id
      join invoice i using (customer_id)
      group by c.customer_id, c.first_name, c.last_name, e.last_name order by c.customer_id`,
  },
  {
    name: "the ten best-selling tracks (top n)",
    text: `select t.track_id, t.name, ar.name as artist, sum(l.unit_price * l.quantity) as revenue
      from invoice_line l
      join track t on t.track_id = l.track_id
      join album al on al.album_id = t.album_id
      join artist ar on ar.artist_id = al.artist_id
      group by 1, 2, 3 order by revenue desc, t.track_id limit $1`,
    values: [10],
  },
  {
    name: "artists with many tracks (group by, having)",
    text: `select ar.artist_id, ar.name, count(*)::int as tracks, sum(t.milliseconds)::text as length, max(t.unit_price) as dearest
      from artist ar join album al using (artist_id) join track t using (album_id)
      group by ar.artist_id, ar.name having count(*) >= 5 order by tracks desc, ar.artist_id`,
  },
  {
    name: "every customer's running total and rank in the country (window functions)",
    text: `select i.invoice_id, c.last_name, i.total,
        sum(i.total) over (partition by i.customer_id order by i.invoice_date, i.invoice_id) as running,
        rank() over (partition by c.country order by i.total desc) as rank,
        lag(i.total) over (partition by i.customer_id order by i.invoice_date, i.invoice_id) as before
      from invoice i join customer c on c.customer_id = i.customer_id order by i.invoice_id`,
  },
  {
    name: "revenue by month and how it grew (common table expressions)",
    text: `with monthly as (
        select date_trunc('month', invoice_date) as month, sum(total) as revenue, count(distinct customer_id)::int as buyers
        from invoice group by 1),
      grown as (select month, revenue, buyers, revenue - lag(revenue) over (order by month) as growth from monthly)
      select to_char(month, 'YYYY-MM') as month, revenue, buyers, growth from grown order by month`,
  },
  {
    name: "customers who spend more than the average (subqueries)",
    text: `select c.customer_id, c.last_name, (select max(i.total) from invoice i where i.customer_id = c.customer_id) as largest
      from customer c
      where (select sum(i.total) from invoice i where i.customer_id = c.customer_id)
        > (select avg(spent) from (select sum(total) as spent from invoice group by customer_id) per_customer)
        and exists (select from invoice_line l join invoice i using (invoice_id) where i.customer_id = c.customer_id)
      order by c.customer_id`,
  },
  {
    name: "how much of each genre was never sold (left join)",
    text: `select g.genre_id, g.name, count(t.track_id)::int as tracks, count(*) filter (where l.invoice_line_id is null)::int as unsold
      from genre g
      left join track t on t.genre_id = g.genre_id
      left join invoice_line l on l.track_id = t.track_id
      group by g.genre_id, g.name order by g.genre_id`,
  },
  {
    name: "tracks about love and the playlists they are on (text search)",
    text: `select t.track_id, t.name, coalesce(string_agg(p.name, ', ' order by p.playlist_id), '') as playlists
      from track t
      left join playlist_track pt on pt.track_id = t.track_id
      left join playlist p on p.playlist_id = pt.playlist_id
      where t.name ilike '%' || $1 || '%' or t.composer ilike '%' || $1 || '%'
      group by t.track_id, t.name order by t.track_id`,
    values: ["love"],
  },
  {
    name: "invoices of two years by country and city (date ranges, grouping sets)",
    text: `select billing_country, billing_city, count(*)::int as invoices, sum(total) as revenue
      from invoice where invoice_date >= $1::date and invoice_date < $1::date + interval '2 years'
      group by grouping sets ((billing_country, billing_city), (billing_country), ())
      order by billing_country nulls first, billing_city nulls first`,
    values: ["2022-01-01"],
  },
  {
    name: "who reports to whom and whose customers bring what (recursive)",
    text: `with recursive staff as (
        select employee_id, last_name, reports_to, 1 as level, last_name::text as path from employee where reports_to is null
        union all
        select e.employee_id, e.last_name, e.reports_to, s.level + 1, s.path || '/' || e.last_name
        from employee e join staff s on e.reports_to = s.employee_id)
      select s.employee_id, s.level, s.path, count(distinct c.customer_id)::int as customers, coalesce(sum(i.total), 0) as revenue
      from staff s left join customer c on c.support_rep_id = s.employee_id left join invoice i using (customer_id)
      group by 1, 2, 3 order by s.path`,
  },
];

/** What it writes in one transaction: a sale, a correction and a removal, none of which names a tenant. */
export const WRITES: readonly Query[] = [
  {
    name: "a sale",
    text: `insert into invoice (invoice_id, customer_id, invoice_date, billing_country, total)
      select max(invoice_id) + 1, 1, '2026-01-01', 'Brazil', 0 from invoice`,
  },
  {
    name: "its lines",
    text: `insert into invoice_line (invoice_line_id, invoice_id, track_id, unit_price, quantity)
      select (select max(invoice_line_id) from invoice_line) + row_number() over (order by track_id),
        (select max(invoice_id) from invoice), track_id, unit_price, 2
      from (select track_id, unit_price from track order by track_id limit $1) bought`,
    values: [3],
  },
  {
    name: "its total",
    text: `update invoice i set total = s.total
      from (select invoice_id, sum(unit_price * quantity) as total from invoice_line group by 1) s
      where s.invoice_id = i.invoice_id and i.invoice_id = (select max(invoice_id) from invoice)`,
  },
  { name: "a rise of all prices", text: `update track set unit_price = unit_price + 0.5` },
  {
    name: "a removal",
    text: `delete from invoice_line l using invoice i where i.invoice_id = l.invoice_id and i.customer_id = $1`,
    values: [2],
  },
  { name: "a removal of all there is", text: `delete from playlist_track` },
];
