import { createHash } from "node:crypto";

/** How much data there is. */
export interface ShopSize {
  readonly tenants: number;
  readonly rowsPerTenant: number;
}

/** A row that is asked for. */
export interface Wanted {
  readonly tenant: string;
  readonly id: number;
}

/** The tenants' ids: the same in every run, so that runs compare. */
export function tenantIds({ tenants }: ShopSize): string[] {
  return Array.from({ length: tenants }, (_, n) => {
    const hex = createHash("sha256").update(`tenant ${n}`).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  });
}

/** Asks for another row of another tenant each time. */
export function wantedRows(size: ShopSize): () => Wanted {
  const tenants = tenantIds(size);
  let n = 0;
  return () => {
    n += 1;
    return {
      tenant: tenants[(n * 7919) % tenants.length] as string,
      id: 1 + ((n * 104_729) % size.rowsPerTenant),
    };
  };
}
