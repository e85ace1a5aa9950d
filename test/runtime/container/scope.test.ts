import { randomUUID } from "node:crypto";
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import * as awilixLibrary from "awilix";
import { createPartywall, partywallErrorOf } from "partywall";
import {
  awilix,
  tenantContainer,
  type ContainerScope,
  type TenantContainerOptions,
  type UserContext,
} from "partywall/runtime/container";
import { describe, expect, it, onTestFinished } from "vitest";
import { KITS, type Kit } from "./kits.js";

/** Runs a function where another request would: outside every scope. */
const outside = AsyncLocalStorage.snapshot();

interface Notes {
  add(text: string): Notes;
  all(): string[];
  slow(): Promise<string>;
}

/** An instance with two tenants, and a container whose `notes` keeps what it is told, as a careless service would. */
async function application(kit: Kit, options: Partial<TenantContainerOptions> = {}) {
  const pw = createPartywall({ realm: randomUUID() });
  onTestFinished(() => pw.close());
  for (const id of ["acme", "globex"])
    // oxlint-disable-next-line no-await-in-loop -- in memory
    await pw.tenants.create({ id, slug: id, name: id });
  const root = kit.make();
  const disposed: string[] = [];
  const model = { find: () => `goals of ${pw.current().id}` };
  class NotesOfRequest implements Notes {
    readonly #texts: string[] = [];
    readonly goals: { find(): string };
    readonly user: UserContext;
    constructor(goals: { find(): string }, user: UserContext) {
      this.goals = goals;
      this.user = user;
    }
    add(text: string): this {
      this.#texts.push(text);
      return this;
    }
    all(): string[] {
      return [this.user.tenant.id, this.goals.find(), ...this.#texts];
    }
    async slow(): Promise<string> {
      const before = this.goals.find();
      await sleep(Math.random() * 3);
      return `${before}, ${this.goals.find()}, ${String(this.user.principal)}`;
    }
  }
  const containers = tenantContainer(pw, root.port, {
    bindings: [
      { token: "goals", useValue: model },
      {
        token: "notes",
        useClass: root.takes(NotesOfRequest, ["goals", "user"]),
        dispose: (notes: Notes) => {
          disposed.push(`${pw.tryCurrent()?.id} ${notes.all()[1]}`);
        },
      },
    ],
    userContext: "user",
    ...options,
  });
  return { pw, root, containers, disposed };
}

const notesOf = ({ get }: ContainerScope<unknown>) => get<Notes>("notes");
/** The code that a call fails with, at once or later, also where a container wrapped it. */
async function codeOf(fn: () => unknown): Promise<string> {
  try {
    await fn();
  } catch (error) {
    return partywallErrorOf(error)?.code ?? `other: ${String(error)}`;
  }
  return "none";
}

it("refuses an Awilix container that is not strict", async () => {
  const root = awilixLibrary.createContainer();
  expect(await codeOf(() => awilix(awilixLibrary, root))).toBe("PW_CONFIG");
  const strict = awilixLibrary.createContainer({ strict: true });
  expect(await codeOf(() => awilix(awilixLibrary, strict).reserve(Map, () => expect.fail()))).toBe(
    "PW_CONFIG",
  );
});

describe.each(KITS)("$name, a child for each tenant's scope", (kit) => {
  it("lends a service the tenant it runs for, and the user", async () => {
    const { containers } = await application(kit);
    const user = { name: "ada", role: "owner" };
    const found = await containers.run(
      "acme",
      ({ get }) => {
        const { tenant, principal, role } = get<UserContext>("user");
        return [tenant.id, principal, role, get<Notes>("notes").all()];
      },
      { principal: user },
    );
    expect(found).toEqual(["acme", user, "owner", ["acme", "goals of acme"]]);
  });

  it("builds a service once for each child, and anew for the next", async () => {
    const { containers } = await application(kit);
    const first = await containers.run("acme", (scope) => {
      notesOf(scope).add("kept");
      return [notesOf(scope) === notesOf(scope), notesOf(scope).all()];
    });
    expect(first).toEqual([true, ["acme", "goals of acme", "kept"]]);
    expect(await containers.run("acme", (scope) => notesOf(scope).all())).toEqual([
      "acme",
      "goals of acme",
    ]);
  });

  it("keeps 100 requests of two tenants apart", async () => {
    const { containers } = await application(kit);
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const tenant = at % 2 === 0 ? "acme" : "globex";
        const text = await containers.run(tenant, (scope) => notesOf(scope).slow(), {
          principal: at,
        });
        return text === `goals of ${tenant}, goals of ${tenant}, ${at}`;
      }),
    );
    expect(answers).toHaveLength(100);
    expect(answers).not.toContain(false);
  });

  it("a service kept past its tenant's scope does nothing in another tenant's", async () => {
    const { pw, containers } = await application(kit);
    const codes: string[] = [];
    await containers.run("acme", async (scope) => {
      const kept = notesOf(scope);
      const { all } = kept;
      const { get } = scope;
      codes.push(await codeOf(() => kept.all()));
      // The other tenant's request comes while this one is open.
      const other = async (fn: () => unknown) =>
        codes.push(await codeOf(() => outside(() => pw.run("globex", fn))));
      await expect(outside(() => pw.run("globex", () => kept.all()))).rejects.toThrow(
        "in the scope of another tenant",
      );
      await other(() => kept.all());
      await other(() => all.call(kept));
      await other(() => get("notes"));
      await other(() => scope.get<UserContext>("user"));
      await other(() => Reflect.getOwnPropertyDescriptor(kept, "goals"));
      await other(() => Object.keys(kept));
      codes.push(await codeOf(() => outside(() => kept.all())));
      codes.push(await codeOf(() => outside(() => pw.central(() => kept.all()))));
    });
    expect(codes).toEqual([
      "none",
      ...Array.from({ length: 6 }, () => "PW_CONTAINER_SCOPE"),
      "PW_NO_SCOPE",
      "PW_CENTRAL_SCOPE",
    ]);
  });

  it("a service kept past its request does nothing in the next of its own tenant", async () => {
    const { pw, containers } = await application(kit);
    let kept: Notes | undefined;
    let alive: ContainerScope<unknown> | undefined;
    await containers.run("acme", (scope) => {
      alive = scope;
      kept = notesOf(scope);
    });
    expect(await codeOf(() => pw.run("acme", () => kept?.all()))).toBe("PW_CONTAINER_SCOPE");
    expect(await codeOf(() => pw.run("acme", () => alive?.get("notes")))).toBe(
      "PW_CONTAINER_SCOPE",
    );
    expect(
      await codeOf(() =>
        pw.run("acme", () => (kit.make().getIn(alive?.container, "notes") as Notes).all()),
      ),
    ).not.toBe("none");
  });

  it("a service kept past its child does nothing, although its scope goes on", async () => {
    const { pw, containers } = await application(kit);
    const codes = await pw.run("acme", async () => {
      const scope = containers.open();
      const notes = notesOf(scope);
      await scope.close();
      return [await codeOf(() => notes.all()), await codeOf(() => scope.get("notes"))];
    });
    expect(codes).toEqual(["PW_CONTAINER_SCOPE", "PW_CONTAINER_SCOPE"]);
  });

  it("a service of one request does nothing in another request of its tenant, or as somebody else", async () => {
    const { pw, containers } = await application(kit);
    const codes: string[] = [];
    await containers.run(
      "acme",
      async (scope) => {
        const notes = notesOf(scope);
        codes.push(
          await codeOf(() =>
            outside(() => pw.run("acme", () => notes.all(), { principal: "ada" })),
          ),
          await codeOf(() => pw.run("acme", () => notes.all())),
          await codeOf(() => pw.run("acme", () => notes.all(), { principal: "somebody else" })),
        );
      },
      { principal: "ada" },
    );
    expect(codes).toEqual(["PW_CONTAINER_SCOPE", "none", "PW_CONTAINER_SCOPE"]);
  });

  it("cannot be handed out of its scope as the result", async () => {
    const { containers } = await application(kit);
    expect(await codeOf(() => containers.run("acme", notesOf))).toBe("PW_CONTAINER_SCOPE");
  });

  it("refuses a singleton that would capture what is a tenant's, whoever asks for it", async () => {
    const { containers, root } = await application(kit);
    class Captor {
      readonly notes: Notes;
      constructor(notes: Notes) {
        this.notes = notes;
      }
    }
    root.singleton("captor", root.takes(Captor, ["notes"]));
    // tsyringe makes text of the errors of what it injects.
    expect(() => root.get("captor")).toThrow("notes belongs to a tenant's scope");
    const codes: string[] = [];
    for (const tenant of ["acme", "globex"])
      // oxlint-disable-next-line no-await-in-loop -- one after the other: the second would get what the first left
      await containers.run(tenant, async ({ get, container }) => {
        codes.push(
          await codeOf(() => get("captor")),
          await codeOf(() => root.getIn(container, "captor")),
        );
      });
    expect(codes).toEqual(Array.from({ length: 4 }, () => "PW_CONTAINER_SCOPE"));
  });

  it("refuses one that captures it by way of another singleton", async () => {
    const { containers, root } = await application(kit);
    class Inner {
      readonly goals: unknown;
      constructor(goals: unknown) {
        this.goals = goals;
      }
    }
    class Outer {
      readonly inner: unknown;
      constructor(inner: unknown) {
        this.inner = inner;
      }
    }
    root.singleton("inner", root.takes(Inner, ["goals"]));
    root.singleton("outer", root.takes(Outer, ["inner"]));
    expect(
      await containers.run("acme", ({ container }) => codeOf(() => root.getIn(container, "outer"))),
    ).toBe("PW_CONTAINER_SCOPE");
  });

  it("gives a child the root's own singletons, the same in each", async () => {
    const { containers, root } = await application(kit);
    class Clock {
      readonly zone = "UTC";
    }
    root.singleton("clock", root.takes(Clock, []));
    const one = await containers.run("acme", ({ get }) => get("clock"));
    expect(one).toBeInstanceOf(Clock);
    expect(await containers.run("globex", ({ get }) => get("clock"))).toBe(one);
  });

  it("disposes in the scope, when the work has ended and when it has failed", async () => {
    const { containers, disposed } = await application(kit);
    await containers.run("acme", (scope) => void notesOf(scope).all());
    await containers
      .run("globex", (scope) => {
        notesOf(scope).all();
        throw new Error("failed");
      })
      .catch(() => {});
    // Nothing was made, so there is nothing to dispose of.
    await containers.run("acme", () => {});
    expect(disposed).toEqual(["acme goals of acme", "globex goals of globex"]);
  });

  it("tells of a disposal that fails, and disposes of the rest", async () => {
    const gone: string[] = [];
    const { containers } = await application(kit, {
      bindings: [
        { token: "first", useFactory: () => ({}), dispose: () => gone.push("first") },
        {
          token: "second",
          useFactory: (get) => ({ first: get("first") }),
          dispose: () => {
            gone.push("second");
            throw new Error("no");
          },
        },
      ],
    });
    const failed = containers.run("acme", ({ get }) => void get("second"));
    await expect(failed).rejects.toMatchObject({ code: "PW_SCOPE_LIFECYCLE" });
    expect(gone).toEqual(["second", "first"]);
  });

  it("closes with the response, and tells of errors where nobody waits", async () => {
    const told: unknown[] = [];
    const { pw, containers } = await application(kit, {
      bindings: [
        {
          token: "one",
          useFactory: () => ({ use: () => "used" }),
          dispose: () => {
            throw new Error(pw.current().id);
          },
        },
      ],
      onDisposeError: (error) => told.push(...(error as AggregateError).errors),
    });
    const response = new EventEmitter();
    const one = await pw.run("acme", () => {
      const found = containers.openFor(response).get<{ use(): string }>("one");
      return { use: () => found.use() };
    });
    response.emit("close");
    await sleep(1);
    expect(told).toEqual([new Error("acme")]);
    expect(await codeOf(() => pw.run("acme", () => one.use()))).toBe("PW_CONTAINER_SCOPE");
  });

  it("opens nothing where no tenant is current", async () => {
    const { pw, containers } = await application(kit);
    expect(await codeOf(() => containers.open())).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => pw.central(() => containers.open()))).toBe("PW_CENTRAL_SCOPE");
  });

  it("leaves a model what it is: a class with statics, private fields, fluent calls", async () => {
    class Goal {
      static #count = 0;
      static query() {
        this.#count += 1;
        return `${this.name} ${this.#count}`;
      }
      readonly title = "learn";
    }
    const frozen = Object.freeze({ list: () => "listed" });
    const { pw, containers } = await application(kit, {
      bindings: [
        { token: "Goal", useValue: Goal },
        { token: "frozen", useValue: frozen },
        { token: "limit", useValue: 7 },
        {
          token: "fluent",
          useFactory: () => ({
            self() {
              return this;
            },
          }),
        },
      ],
    });
    await containers.run("acme", async ({ get }) => {
      const Model = get<typeof Goal>("Goal");
      expect(Model.query()).toBe("Goal 1");
      expect(new Model()).toBeInstanceOf(Model);
      expect(new Model()).toBeInstanceOf(Goal);
      expect(new (class Sub extends Model {})().title).toBe("learn");
      expect(get("limit")).toBe(7);
      const { list } = get<typeof frozen>("frozen");
      expect(list()).toBe("listed");
      const fluent = get<{ self(): object }>("fluent");
      expect(fluent.self()).toBe(fluent);
      const other = (fn: () => unknown) => codeOf(() => outside(() => pw.run("globex", fn)));
      expect(await other(() => new Model())).toBe("PW_CONTAINER_SCOPE");
      expect(await other(() => list())).toBe("PW_CONTAINER_SCOPE");
      expect(await other(() => fluent.self())).toBe("PW_CONTAINER_SCOPE");
    });
  });

  it("does not show what is in a service to a log of another tenant", async () => {
    const { containers, pw } = await application(kit);
    await containers.run("acme", async (scope) => {
      const notes = notesOf(scope).add("a secret");
      expect(await outside(() => pw.run("globex", () => inspect(notes)))).not.toMatch(
        /secret|acme/,
      );
    });
  });

  it("refuses bindings that cannot be meant", async () => {
    for (const bindings of [
      [
        { token: "a", useValue: 1 },
        { token: "a", useValue: 2 },
      ],
      [{ token: "a", useValue: 1, useFactory: () => 1 }],
      [{ token: "a" }],
      [{ useValue: 1 }],
      [{ token: "a", useFactory: 1 }],
      [{ token: "a", useValue: 1, dispose: () => 1 }],
      [{ token: "user", useValue: 1 }],
    ])
      // oxlint-disable-next-line no-await-in-loop -- one instance after the other
      expect(await codeOf(() => application(kit, { bindings: bindings as never }))).toBe(
        "PW_CONFIG",
      );
    expect(await codeOf(() => application(kit, { binding: [] } as never))).toBe("PW_CONFIG");
    const { pw, root } = await application(kit);
    const again = () =>
      tenantContainer(pw, root.port, { bindings: [{ token: "goals", useValue: 1 }] });
    expect(await codeOf(again)).toBe("PW_CONFIG");
  });

  it("refuses a promise, and a service that needs itself", async () => {
    const { containers } = await application(kit, {
      bindings: [
        { token: "late", useFactory: async () => 1 },
        { token: "self", useFactory: (get) => get("other") },
        { token: "other", useFactory: (get) => get("self") },
      ],
    });
    await containers.run("acme", async ({ get }) => {
      expect(await codeOf(() => get("late"))).toBe("PW_CONFIG");
      expect(await codeOf(() => get("self"))).not.toBe("none");
    });
  });
});
