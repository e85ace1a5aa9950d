import type { Placement } from "partywall";
import type { HomeBuilder } from "partywall/tenants";
import type { Town } from "../../../guards/postgres/placement/town.js";

/** Builds the homes of a town's tenants for a mover, once each, and takes them down. */
export function townHomes(town: Town): HomeBuilder & { readonly built: Placement[] } {
  const built: Placement[] = [];
  const there = (placement: Placement) =>
    built.some(({ name, server }) => name === placement.name && server === placement.server);
  const server = (placement: Placement) => town.boroughs[placement.server ?? "default"]!.superuser;
  return {
    built,
    provision: async ({ id, placement }) => {
      if (there(placement)) return;
      const { strategy, name = "", server: on } = placement;
      const slug = name.slice(town.database.name.length + 1);
      await town.buildHome(id, { slug, strategy, ...(on && { server: on }) });
      built.push(placement);
    },
    vacate: async ({ placement }) => {
      const { strategy, name = "" } = placement;
      await server(placement).query(
        strategy === "schema"
          ? `drop schema if exists ${name} cascade`
          : `drop database if exists ${name} with (force)`,
      );
      const at = built.findIndex((one) => one.name === name && one.server === placement.server);
      if (at >= 0) built.splice(at, 1);
    },
  };
}
