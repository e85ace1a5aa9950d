import { PartywallError } from "../../errors.js";
import type { TypeormDataSource } from "../typeorm.js";
import type { Guard } from "./native.js";

/**
 * What TypeORM loads into an entity later belongs to who loaded the entity: the same keys lead to other rows elsewhere, and
 * what was loaded stays on the entity.
 */
export function bindLazyRelations(guard: Guard, { relationLoader }: TypeormDataSource): void {
  const owners = new WeakMap<object, string>();
  const enable = relationLoader.enableLazyLoad.bind(relationLoader);
  relationLoader.enableLazyLoad = (relation, entity, runner) => {
    enable(relation, entity, runner);
    const { propertyName } = relation as { readonly propertyName: string };
    const property = Object.getOwnPropertyDescriptor(entity, propertyName);
    // An entity may be made before any scope is open; it belongs to the first that loads into it.
    if (guard.scope() !== undefined) owners.set(entity, guard.partition());
    Object.defineProperty(entity, propertyName, {
      ...property,
      get(this: Record<string, unknown>): unknown {
        if (!isLoaded(this, propertyName)) {
          try {
            const current = guard.partition();
            const owner = owners.get(this) ?? current;
            if (owner !== current) throw foreignEntity();
            owners.set(this, owner);
          } catch (error) {
            // Before TypeORM, which would keep the rejected promise on the entity and leave it unhandled.
            return Promise.reject(error as Error);
          }
        }
        return property?.get?.call(this);
      },
    });
  };
}

function isLoaded(entity: Record<string, unknown>, name: string): boolean {
  return (
    entity[`__has_${name}__`] === true ||
    entity[`__${name}__`] !== undefined ||
    entity[`__promise_${name}__`] !== undefined
  );
}

function foreignEntity(): PartywallError {
  return new PartywallError(
    "PW_SCOPE_SWITCH",
    "A lazy relation was read in another scope than the one that loaded its entity, so nothing was sent. Load the entity in this scope.",
  );
}
