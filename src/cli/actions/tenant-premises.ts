import type { TenantRecord } from "../../registry/record.js";
import type { DatabaseDrop, Premises } from "../../tenants/index.js";
import type { Application } from "../application.js";
import { connect, serverUrl, urlOfDatabase } from "../connection.js";
import type { Context } from "../context.js";

/** A tenant's premises, and whence they are dropped where they are a database. */
export interface OpenPremises {
  readonly premises: Premises;
  /** Connects to the server's own database; undefined for what is no database of the tenant's own. */
  readonly database?: () => Promise<DatabaseDrop>;
}

/**
 * Connects to where a tenant's data is, as its record says. Throws {@link UsageError} for a server whose address is not
 * known, and rejects with `PW_CONFIG` where the database does not answer.
 */
export async function openPremises(
  context: Context,
  application: Application,
  { id, slug, placement }: TenantRecord,
  flags: { readonly url: string | undefined; readonly except: readonly string[] },
): Promise<OpenPremises> {
  const { strategy, name, server } = placement;
  const url = serverUrl(context, flags.url, application, { slug, ...(server && { server }) });
  const { tenantColumn } = application.config;
  const isDatabase = strategy === "database" && name !== undefined;
  const client = await connect(context, application, isDatabase ? urlOfDatabase(url, name) : url);
  const premises: Premises = {
    client,
    strategy,
    tenantId: id,
    except: flags.except,
    ...(strategy === "schema" && name !== undefined && { schema: name }),
    ...(tenantColumn !== undefined && { tenantColumn }),
  };
  if (!isDatabase) return { premises };
  const drop = async (): Promise<DatabaseDrop> => ({
    client: await connect(context, application, url),
    release: () => client.end(),
  });
  return { premises, database: drop };
}
