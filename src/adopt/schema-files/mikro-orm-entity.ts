import type { Index } from "../schema.js";
import { columnsOf, indexFor, isPlain, type TenantTable } from "./adopted.js";
import { columnName, newProperty, snakeCase } from "./entity-names.js";
import type { MikroForm } from "./mikro-orm-form.js";
import type { MikroEntity, MikroKey, MikroProperty } from "./mikro-orm-model.js";
import { OptionEdits, type OptionsPlace } from "./option-edits.js";
import { placeOf, propertyOf, stringOf, type Place } from "./syntax.js";
import { addToType } from "./schema-type.js";
import { lineAt, type SchemaNote } from "./text-edits.js";

/** Brings one entity of MikroORM in line with the database. */
export class MikroEntityEdits {
  readonly #entity: MikroEntity;
  readonly #adopted: TenantTable;
  readonly #form: MikroForm;
  readonly #say: (note: SchemaNote) => void;
  readonly #options = new Map<OptionsPlace, OptionEdits>();
  readonly #seen = new Set<string>();
  readonly #tenant: string;

  constructor(
    entity: MikroEntity,
    adopted: TenantTable,
    form: MikroForm,
    say: (note: SchemaNote) => void,
  ) {
    this.#entity = entity;
    this.#adopted = adopted;
    this.#form = form;
    this.#say = say;
    const known = entity.properties.find((one) => this.#columnsOf(one)[0] === adopted.tenant.name);
    this.#tenant =
      known?.property ??
      newProperty(
        adopted.tenant.name,
        entity.properties.map(({ property }) => property),
      );
  }

  write(): void {
    if (this.#entity.isPartial) {
      this.#note(
        this.#entity.place,
        "Some of what it declares is written elsewhere, and was not looked at.",
      );
    }
    this.#tenantColumn();
    for (const key of this.#entity.keys) this.#key(key);
    for (const property of this.#entity.properties) this.#inline(property);
    this.#newKeys();
    for (const edits of this.#options.values()) edits.write();
    this.#form.write();
  }

  #note(place: Place, text: string): void {
    const { file, name } = this.#entity;
    this.#say({ path: file.path, line: lineAt(file.text, place.start), object: name, text });
  }

  #edit(options: OptionsPlace): OptionEdits {
    const known = this.#options.get(options) ?? new OptionEdits(this.#entity.file, options);
    this.#options.set(options, known);
    return known;
  }

  /** The columns of a property: as written, or as the usual naming strategies name them. */
  #columnsOf({ columns, isRelation, property }: MikroProperty): readonly string[] {
    if (columns.length > 0) return columns;
    const { table } = this.#adopted;
    if (!isRelation) return [columnName({ name: undefined, property }, table)];
    const starts = [`${snakeCase(property)}_`, `${property}_`];
    const own = table.foreignKeys.flatMap((key) => {
      const rest = key.columns.filter((one) => one !== this.#adopted.tenant.name);
      return rest.every((one) => starts.some((start) => one.startsWith(start))) ? [rest] : [];
    });
    // Of `parent` and `parentCompany`, the first has the shorter column.
    return own.toSorted((a, b) => a.join().length - b.join().length)[0] ?? [];
  }

  #tenantColumn(): void {
    const { tenant } = this.#adopted;
    const known = this.#entity.properties.find(({ property }) => property === this.#tenant);
    if (known === undefined) {
      this.#form.addColumn(this.#tenant, tenant);
      const { file, place, type } = this.#entity;
      if (type !== undefined && !addToType(file, type, this.#tenant))
        this.#note(place, `Add ${this.#tenant}?: string to ${type}.`);
      return;
    }
    const { quote } = this.#entity.file;
    const { object } = known.options ?? {};
    const value = stringOf(propertyOf(object, "defaultRaw"));
    const isNullable = propertyOf(object, "nullable") !== undefined;
    if (known.call === undefined && !known.isInherited && !known.isRelation && known.options) {
      if (isNullable && tenant.notNull) this.#edit(known.options).remove("nullable");
      if (tenant.default !== null && value !== tenant.default)
        this.#edit(known.options).set("defaultRaw", quote(tenant.default));
      return;
    }
    const { text } = this.#entity.file;
    const code = text.slice(known.place.start, known.place.end);
    if (tenant.default !== null && code.includes(tenant.default) && !code.includes("nullable"))
      return;
    this.#note(
      known.place,
      `Have ${known.property} be not nullable, with defaultRaw: ${quote(tenant.default ?? "")}.`,
    );
  }

  #indexOf(
    name: string | undefined,
    properties: readonly string[],
    isUnique: boolean,
  ): Index | undefined {
    const columns = properties.flatMap((one) => {
      const known = this.#entity.properties.find(({ property }) => property === one);
      if (known) return this.#columnsOf(known);
      return one === this.#tenant ? [this.#adopted.tenant.name] : [""];
    });
    const index = indexFor({ name: name ?? "", columns, isUnique }, this.#adopted);
    return index && !index.isPrimary && this.#isTenants(index) ? index : undefined;
  }

  #isTenants(index: Index): boolean {
    return index.keys.some(({ column }) => column === this.#adopted.tenant.name);
  }

  #inherited(place: Place, index: Index): void {
    this.#seen.add(index.name);
    this.#note(
      place,
      `It is declared in a class that others may extend. Declare ${index.name} of ${columnsOf(index)?.join(", ") ?? index.definition} on ${this.#entity.name} instead.`,
    );
  }

  #inline(property: MikroProperty): void {
    if (property.unique === "no") return;
    const index = this.#indexOf(property.uniqueName, [property.property], true);
    if (index === undefined || this.#seen.has(index.name)) return;
    if (property.isInherited) {
      this.#inherited(property.place, index);
      return;
    }
    const { edits } = this.#entity.file;
    if (!this.#declare(index, [])) return;
    if (property.options) {
      // A relation to one other is unique unless it is said that it is not.
      if (
        property.unique === "implied" ||
        /OneToOne|1:1/.test(this.#entity.file.text.slice(property.place.start, property.place.end))
      )
        this.#edit(property.options).set("unique", "false");
      else this.#edit(property.options).remove("unique");
    } else if (property.unique === "written" && property.call) {
      edits.replace(property.call.place.start, property.call.place.end, "");
    } else if (property.unique === "implied") {
      edits.insert(property.place.end, ".unique(false)");
    }
  }

  #key(key: MikroKey): void {
    const { table } = this.#adopted;
    const { quote } = this.#entity.file;
    const named = table.indexes.find(({ name }) => name === key.name);
    if (key.isExpression) {
      if (named === undefined || !this.#isTenants(named) || key.isInherited) return;
      this.#seen.add(named.name);
      const written = propertyOf(key.options.object, "expression");
      if (stringOf(written) !== named.definition)
        this.#edit(key.options).set("expression", quote(named.definition));
      return;
    }
    if (key.properties === undefined) {
      this.#note(
        key.place,
        "Its properties are not written out. Have it hold the tenant's as the database does.",
      );
      if (named) this.#seen.add(named.name);
      return;
    }
    const index = this.#indexOf(key.name, key.properties, key.isUnique);
    if (index === undefined || this.#seen.has(index.name)) return;
    if (key.isInherited) {
      this.#inherited(key.place, index);
      return;
    }
    if (key.member !== undefined) {
      if (this.#declare(index, this.#rest(key))) this.#form.removeDecorator(key.place);
      return;
    }
    this.#seen.add(index.name);
    const properties = this.#propertiesOf(index);
    if (properties === undefined) {
      this.#note(key.place, `Have ${index.name} be an expression: ${index.definition}`);
      return;
    }
    const edits = this.#edit(key.options);
    if (key.name === undefined) edits.set("name", quote(index.name));
    if (!key.properties.includes(this.#tenant))
      edits.set("properties", `[${properties.map(quote).join(", ")}]`);
  }

  /** Options of a property's decorator that are no name and no properties, as they are written. */
  #rest({ options: { object } }: MikroKey): string[] {
    const { text } = this.#entity.file;
    return (object?.properties ?? []).flatMap((one) => {
      const code = text.slice(placeOf(one).start, placeOf(one).end);
      return /^["']?(?:name|properties)\b/.test(code) ? [] : [code];
    });
  }

  #propertiesOf(index: Index): string[] | undefined {
    const names = columnsOf(index)?.map((column) =>
      column === this.#adopted.tenant.name
        ? this.#tenant
        : this.#entity.properties.find((one) => {
            const own = this.#columnsOf(one);
            return own.length === 1 && own[0] === column;
          })?.property,
    );
    return names === undefined || names.includes(undefined) ? undefined : (names as string[]);
  }

  #declare(index: Index, options: readonly string[]): boolean {
    this.#seen.add(index.name);
    const isWritten = isPlain(index) || options.length > 0;
    const properties = this.#propertiesOf(index);
    if (isWritten && properties === undefined) {
      this.#note(
        this.#entity.place,
        `Have ${index.name} be of ${columnsOf(index)?.join(", ") ?? index.definition}.`,
      );
      return false;
    }
    this.#form.addKey({ index, properties: isWritten ? properties : undefined, options });
    return true;
  }

  #newKeys(): void {
    for (const index of this.#adopted.table.indexes) {
      if (this.#seen.has(index.name) || index.isPrimary || index.isExclusion) continue;
      if (this.#isTenants(index)) this.#declare(index, []);
    }
  }
}
