import type { Check, Found, NotSeen } from "../check.js";
import type { Look } from "../look.js";
import type { AuditedModel, ModelConnection } from "../model-source.js";
import { PartywallError } from "../../../../errors.js";

const connectionsOf = ({ subject }: Look): readonly ModelConnection[] =>
  subject.models.flatMap((source) => source.connections());

const overModels =
  (detail: (model: AuditedModel, look: Look) => string | undefined): Check["find"] =>
  async (look) =>
    connectionsOf(look).flatMap(({ models }) =>
      models.flatMap((model) => {
        const told = detail(model, look);
        return told === undefined ? [] : [{ object: model.name, detail: told }];
      }),
    );

/** Models of an ODM that the guard does not see, or not as they mean it. */
export const modelChecks: readonly Check[] = [
  {
    code: "model-unguarded",
    severity: "critical",
    why: "What goes over {object} does not pass the guard{detail}: it reads and writes every tenant's documents.",
    fix: "Let guardMongoose() connect it, and leave mongoose.connect(), openUri() and createConnection(url) out.",
    find: async (look) => {
      const found: (Found | NotSeen)[] = [];
      for (const connection of connectionsOf(look))
        found.push(...(await unguarded(look, connection)));
      return found;
    },
  },
  {
    code: "model-tenant-type",
    severity: "low",
    why: "The model {object} declares the tenant field as {detail}, which tenants' values are not: reading documents fails, or shows them without it.",
    fix: "Leave the field out of the schema, or declare it as `tenantValue` of guardMongo() gives it.",
    find: async (look) => {
      const { types } = await look.values();
      if (types.length === 0) return [];
      return overModels(({ typeOf }, { subject }) => {
        const type = typeOf(subject.field);
        return type === undefined || types.includes(type) ? undefined : type;
      })(look);
    },
  },
  {
    code: "model-builds-by-itself",
    severity: "low",
    why: "The model {object} makes {detail} when it is compiled, in no scope: the guard refuses it where nobody hears, and they are missing.",
    fix: "Switch autoIndex and autoCreate off, and call createIndexes() in pw.central().",
    find: overModels(({ buildsByItself }) =>
      buildsByItself ? "its collection or indexes" : undefined,
    ),
  },
];

async function unguarded(
  { subject }: Look,
  { name, send, models }: ModelConnection,
): Promise<readonly (Found | NotSeen)[]> {
  const named = models.map((model) => model.name).join(", ");
  if (send === undefined) {
    if (models.length === 0) return [];
    return [
      {
        object: `${name} (${named})`,
        unseen: "it is not connected, so that nothing could be sent",
      },
    ];
  }
  try {
    await subject.assertWired(send);
    return [];
  } catch (error) {
    if (!(error instanceof PartywallError) || error.code !== "PW_GUARD_BYPASSED") throw error;
    return [{ object: name, detail: models.length === 0 ? "" : ` (${named})` }];
  }
}
