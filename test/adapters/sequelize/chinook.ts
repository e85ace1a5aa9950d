import { guardSequelize } from "partywall/adapters/sequelize";
import {
  col,
  DataTypes,
  fn,
  literal,
  Op,
  Sequelize,
  where,
  Model,
  type ModelAttributes,
} from "sequelize";
import type { Answers, Shopkeeper } from "../chinook/questions.js";

/** A row, as `toJSON()` gives it with what was included. */
interface Row {
  readonly [column: string]: unknown;
}

function modelsOf(sequelize: Sequelize) {
  // Sequelize writes into what it is given, so each model gets its own.
  const key = () => ({ type: DataTypes.INTEGER, primaryKey: true });
  const define = (name: string, attributes: ModelAttributes) =>
    sequelize.define(name, attributes, { tableName: name, timestamps: false });
  const artist = define("artist", { artist_id: key(), name: DataTypes.STRING });
  const album = define("album", { album_id: key(), title: DataTypes.STRING });
  const track = define("track", { track_id: key(), name: DataTypes.STRING });
  const playlist = define("playlist", { playlist_id: key(), name: DataTypes.STRING });
  const employee = define("employee", { employee_id: key(), last_name: DataTypes.STRING });
  const customer = define("customer", { customer_id: key(), last_name: DataTypes.STRING });
  const invoice = define("invoice", {
    invoice_id: key(),
    invoice_date: DataTypes.DATE,
    billing_country: DataTypes.STRING,
    total: DataTypes.DECIMAL,
  });
  const line = define("invoice_line", {
    invoice_line_id: key(),
    quantity: DataTypes.INTEGER,
    track_id: DataTypes.INTEGER,
  });
  artist.hasMany(album, { foreignKey: "artist_id" });
  album.belongsTo(artist, { foreignKey: "artist_id" });
  album.hasMany(track, { foreignKey: "album_id" });
  track.belongsTo(album, { foreignKey: "album_id" });
  playlist.belongsToMany(track, {
    through: define("playlist_track", {}),
    foreignKey: "playlist_id",
    otherKey: "track_id",
  });
  employee.belongsTo(employee, { as: "manager", foreignKey: "reports_to" });
  employee.hasMany(employee, { as: "reports", foreignKey: "reports_to" });
  customer.belongsTo(employee, { as: "agent", foreignKey: "support_rep_id" });
  customer.hasMany(invoice, { foreignKey: "customer_id" });
  invoice.belongsTo(customer, { foreignKey: "customer_id" });
  invoice.hasMany(line, { as: "lines", foreignKey: "invoice_id" });
  line.belongsTo(track, { foreignKey: "track_id" });
  return { artist, track, playlist, employee, customer, invoice, line };
}

/** Rows as plain objects, with these columns as numbers, which PostgreSQL gives as text. */
const plain = async (found: Promise<Model[]>, ...columns: readonly string[]): Promise<Row[]> =>
  (await found).map((model) => {
    // With `raw` it is a plain object already, whatever its type says.
    const row = (model instanceof Model ? model.get({ plain: true }) : model) as Row;
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        columns.includes(name) ? Number(value) : value,
      ]),
    );
  });

const rowsOf = (value: unknown) => value as readonly Row[];
const without = { attributes: [], required: true };

function answersOf({
  artist,
  track,
  playlist,
  employee,
  customer,
  invoice,
  line,
}: ReturnType<typeof modelsOf>): Answers {
  return {
    spending: () =>
      plain(
        customer.findAll({
          attributes: [
            "customer_id",
            "last_name",
            [col("agent.last_name"), "agent"],
            [fn("count", literal("*")), "invoices"],
            [fn("sum", col("invoices.total")), "spent"],
          ],
          include: [
            { association: "agent", ...without },
            { model: invoice, ...without },
          ],
          group: ["customer.customer_id", "customer.last_name", "agent.last_name"],
          order: ["customer_id"],
          raw: true,
        }),
        "invoices",
        "spent",
      ),
    bestsellers: () =>
      plain(
        line.findAll({
          attributes: [
            "track_id",
            [col("track.name"), "name"],
            [fn("sum", col("quantity")), "sold"],
          ],
          include: { model: track, ...without },
          group: ["invoice_line.track_id", "track.name"],
          order: [
            [col("sold"), "DESC"],
            ["track_id", "ASC"],
          ],
          limit: 10,
        }),
        "sold",
      ),
    prolific: () =>
      plain(
        artist.findAll({
          attributes: ["artist_id", "name", [fn("count", literal("*")), "tracks"]],
          include: {
            association: "albums",
            ...without,
            include: [{ association: "tracks", ...without }],
          },
          group: ["artist.artist_id", "artist.name"],
          having: where(fn("count", literal("*")), { [Op.gte]: 5 }),
          order: [
            [col("tracks"), "DESC"],
            ["artist_id", "ASC"],
          ],
        }),
        "tracks",
      ),
    countries: () =>
      plain(
        invoice.findAll({
          attributes: [
            "billing_country",
            [fn("count", literal("*")), "invoices"],
            [fn("sum", col("total")), "revenue"],
          ],
          group: ["billing_country"],
          order: [
            [col("revenue"), "DESC"],
            ["billing_country", "ASC"],
          ],
        }),
        "invoices",
        "revenue",
      ),
    history: async () => {
      const customers = await plain(
        customer.findAll({
          attributes: ["customer_id"],
          include: {
            model: invoice,
            separate: true,
            order: ["invoice_id"],
            include: [{ association: "lines", separate: true, order: ["invoice_line_id"] }],
          },
          order: ["customer_id"],
          limit: 5,
        }),
      );
      return customers.map(({ customer_id, invoices }) => ({
        customer_id,
        invoices: rowsOf(invoices).map(({ invoice_id, lines }) => ({
          invoice_id,
          tracks: rowsOf(lines).map(({ track_id }) => track_id),
        })),
      }));
    },
    playlists: async () => {
      const playlists = await plain(
        playlist.findAll({
          include: "tracks",
          order: ["playlist_id", ["tracks", "track_id", "ASC"]],
        }),
      );
      return playlists
        .map(({ tracks, ...own }) => ({
          ...own,
          tracks: rowsOf(tracks).map(({ track_id }) => track_id),
        }))
        .filter(({ tracks }) => tracks.length > 0 && tracks.length < 50);
    },
    love: async () => {
      const tracks = await plain(
        track.findAll({
          where: { name: { [Op.iLike]: "%love%" } },
          include: { association: "album", required: true, include: ["artist"] },
          order: ["track_id"],
        }),
      );
      return tracks.map(({ track_id, name, album }) => {
        const { title, artist: by } = album as { title: string; artist: Row };
        return { track_id, name, album: title, artist: by["name"] };
      });
    },
    bigSpenders: () =>
      plain(
        invoice.findAll({
          attributes: ["customer_id", [fn("sum", col("total")), "spent"]],
          group: ["customer_id"],
          having: where(fn("sum", col("total")), {
            [Op.gt]: literal(
              "(select avg(spent) from (select sum(total) as spent from invoice group by customer_id) each_one)",
            ),
          }),
          order: ["customer_id"],
        }),
        "spent",
      ),
    staff: async () => {
      const staff = await plain(
        employee.findAll({
          include: ["manager", "reports"],
          order: ["employee_id", ["reports", "employee_id", "ASC"]],
        }),
      );
      return staff.map(({ employee_id, last_name, manager, reports }) => ({
        employee_id,
        last_name,
        manager: (manager as Row | null)?.["last_name"] ?? null,
        reports: rowsOf(reports).map((one) => one["employee_id"]),
      }));
    },
    thirdPage: async () => {
      const invoices = await plain(
        invoice.findAll({
          include: { model: customer, required: true },
          order: [
            ["invoice_date", "DESC"],
            ["invoice_id", "DESC"],
          ],
          limit: 10,
          offset: 20,
        }),
        "total",
      );
      return invoices.map(({ invoice_id, total, customer: buyer }) => ({
        invoice_id,
        total,
        last_name: (buyer as Row)["last_name"],
      }));
    },
  };
}

export const shopkeeper: Shopkeeper = {
  name: "Sequelize",
  open: async ({ guard, url, max }) => {
    const sequelize = guardSequelize(
      guard,
      new Sequelize(url, {
        dialect: "postgres",
        dialectModule: guard.driver,
        logging: false,
        pool: { max },
      }),
    );
    const answers = answersOf(modelsOf(sequelize));
    return { answers, close: () => sequelize.close() };
  },
};
