import type { OrmWiring } from "partywall/testing";

/**
 * What a music shop asks, and the SQL that answers it on a database which holds that shop's rows alone. Each ORM answers
 * the same natively, with columns of these names: numbers as numbers, texts as texts, in the order given here.
 */
export const QUESTIONS = {
  /** Customers with their agent, the number of their invoices and what they spent. */
  spending: `select c.customer_id, c.last_name, e.last_name as agent, count(*)::int as invoices, sum(i.total)::float8 as spent
    from customer c join employee e on e.employee_id = c.support_rep_id join invoice i using (customer_id)
    group by c.customer_id, c.last_name, e.last_name order by c.customer_id`,
  /** The ten tracks that sold best. */
  bestsellers: `select t.track_id, t.name, sum(l.quantity)::int as sold
    from invoice_line l join track t using (track_id) group by t.track_id, t.name order by sold desc, t.track_id limit 10`,
  /** Artists with five tracks or more. */
  prolific: `select ar.artist_id, ar.name, count(*)::int as tracks
    from artist ar join album al using (artist_id) join track t using (album_id)
    group by ar.artist_id, ar.name having count(*) >= 5 order by tracks desc, ar.artist_id`,
  /** Revenue by country. */
  countries: `select billing_country, count(*)::int as invoices, sum(total)::float8 as revenue
    from invoice group by billing_country order by revenue desc, billing_country`,
  /** The first five customers with their invoices, and on each the tracks: a nested read over three tables. */
  history: `select c.customer_id, (select coalesce(json_agg(json_build_object('invoice_id', i.invoice_id,
        'tracks', (select json_agg(l.track_id order by l.invoice_line_id) from invoice_line l where l.invoice_id = i.invoice_id))
        order by i.invoice_id), '[]') from invoice i where i.customer_id = c.customer_id) as invoices
    from customer c order by c.customer_id limit 5`,
  /** The playlists of fewer than fifty tracks with these: a many-to-many relation. */
  playlists: `select p.playlist_id, p.name, json_agg(pt.track_id order by pt.track_id) as tracks
    from playlist p join playlist_track pt using (playlist_id)
    group by p.playlist_id, p.name having count(*) < 50 order by p.playlist_id`,
  /** Tracks with love in their name, whatever the case, with album and artist. */
  love: `select t.track_id, t.name, al.title as album, ar.name as artist
    from track t join album al using (album_id) join artist ar using (artist_id)
    where t.name ilike '%love%' order by t.track_id`,
  /** Customers who spent more than customers do on average. */
  bigSpenders: `select customer_id, sum(total)::float8 as spent from invoice group by customer_id
    having sum(total) > (select avg(spent) from (select sum(total) as spent from invoice group by customer_id) each_one)
    order by customer_id`,
  /** Who reports to whom: a relation of a table to itself, both ways. */
  staff: `select e.employee_id, e.last_name, m.last_name as manager,
      (select coalesce(json_agg(r.employee_id order by r.employee_id), '[]') from employee r where r.reports_to = e.employee_id) as reports
    from employee e left join employee m on m.employee_id = e.reports_to order by e.employee_id`,
  /** The third page of ten invoices, the newest first, with the customer's name. */
  thirdPage: `select i.invoice_id, i.total::float8 as total, c.last_name from invoice i join customer c using (customer_id)
    order by i.invoice_date desc, i.invoice_id desc limit 10 offset 20`,
} as const;

/** One of {@link QUESTIONS}. */
export type Question = keyof typeof QUESTIONS;

/** How an ORM answers each. */
export type Answers = Readonly<Record<Question, () => Promise<readonly unknown[]>>>;

/** An ORM that runs the shop; `chinook.ts` in each ORM's folder exports one as `shopkeeper`. */
export interface Shopkeeper {
  readonly name: string;
  /** Wires it over the guard, with models of Chinook's tables that know nothing of tenants. Called outside any scope. */
  open(
    wiring: OrmWiring,
  ): Promise<{ readonly answers: Answers; readonly close: () => Promise<unknown> }>;
}
