// Checked by the compiler, never run. Each @ts-expect-error fails the check once the mistake below it compiles.
import mongoose from "mongoose";
import { createPartywall } from "partywall";
import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
import {
  mongooseModels,
  tenantContainer,
  type Binding,
  type ContainerPort,
} from "partywall/runtime/container";

interface Book {
  title: string;
}
type Books = TenantModel<mongoose.Model<Book>>;
const schema = new mongoose.Schema<Book, Books>({ title: String });

// The plugin fits Mongoose's own types, and takes the options it knows.
schema.plugin(mongoTenant);
schema.plugin(mongoTenant, { tenantIdKey: "customerId", tenantIdType: Number, enabled: true });
// @ts-expect-error an option that there is not
schema.plugin(mongoTenant, { tenantKey: "customerId" });
// @ts-expect-error it is on or off
schema.plugin(mongoTenant, { enabled: "yes" });
// @ts-expect-error no schema
mongoTenant({});

// A bound model is the model, with its documents.
const Book = mongoose.model<Book, Books>("Book", schema);
const Bound = Book.byTenant("acme");
const titles: Promise<string[]> = Bound.find().then((found) => found.map(({ title }) => title));
void titles;
const bound: boolean = Bound.hasTenantContext;
void bound;
void Bound.byTenant("bolt").getTenantId();
void Book.byTenant(7);
void Book.byTenant(new mongoose.Types.ObjectId());
// @ts-expect-error a field that documents do not have
void Bound.create({ titel: "x" }).then(({ titel }) => titel);
// @ts-expect-error a tenant has to be named
Book.byTenant();
// @ts-expect-error what a request brought is no tenant until it is checked
Book.byTenant(JSON.parse("{}") as { $ne: null });
// @ts-expect-error nor is a list
Book.byTenant(["acme"]);
// @ts-expect-error a model that is not bound has no tenant
Book.getTenantId();
// @ts-expect-error nor has one of all tenants
Book.allTenants().getTenantId();
// @ts-expect-error it is bound or not
Bound.hasTenantContext = false;

// The models of a connection are bindings among others.
declare const port: ContainerPort<unknown>;
tenantContainer(createPartywall(), port, {
  bindings: [mongooseModels(mongoose.connection), { token: "titles", useValue: [] }],
});
const bindings: readonly Binding[] = mongooseModels(mongoose, { token: Symbol.for }).bindings();
void bindings;
// @ts-expect-error a model is no connection
mongooseModels(Book);
// @ts-expect-error a token is a class, a text or a symbol
mongooseModels(mongoose.connection, { token: () => 7 });
