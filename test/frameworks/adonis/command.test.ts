import { randomUUID } from "node:crypto";
import type { Kernel } from "@adonisjs/core/ace";
import { createPartywall, type EachError, type Partywall } from "partywall";
import { tenantCommand } from "partywall/frameworks/adonis";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { describeNode } from "../../support/node-version.js";
import { where } from "../instance.js";

interface Run {
  readonly where: string;
  readonly name: string;
  readonly before: readonly string[];
}

/** An Ace kernel of a booted console application, and a command that says where it runs. */
async function console(pw: Partywall, ran: Run[]) {
  const { IgnitorFactory } = await import("@adonisjs/core/factories");
  const { BaseCommand, flags } = await import("@adonisjs/core/ace");
  const app = new IgnitorFactory()
    .withCoreProviders()
    .withCoreConfig()
    .create(new URL("file:///nowhere/"))
    .createApp("console");
  await app.init();
  await app.boot();
  onTestFinished(() => app.terminate());
  const ace: Kernel = await app.container.make("ace");
  ace.ui.switchMode("raw");

  class Report extends tenantCommand(pw, BaseCommand) {
    static override commandName = "report";
    declare name: string;
    declare fail?: string;
    prepared: string[] = [];
    override async prepare() {
      this.name ??= "of prepare";
      this.prepared.push(where(pw));
    }
    override async run() {
      ran.push({ where: where(pw), name: this.name, before: [...this.prepared] });
      this.prepared.push(where(pw));
      await new Promise((later) => setTimeout(later, 2));
      if (this.fail === where(pw)) throw new Error(`no report of ${where(pw)}`);
      if (this.name === "bad") this.exitCode = 3;
    }
  }
  flags.string()(Report.prototype, "name");
  flags.string()(Report.prototype, "fail");
  return async (...argv: string[]) => {
    const command = await ace.create(Report, argv);
    await command.exec();
    return command;
  };
}

describeNode(24, "commands of AdonisJS", () => {
  let pw: Partywall;
  let ran: Run[];
  let run: Awaited<ReturnType<typeof console>>;
  beforeEach(async () => {
    pw = createPartywall({ realm: randomUUID() });
    onTestFinished(() => pw.close());
    for (const slug of ["acme", "globex", "initech", "umbra"])
      // oxlint-disable-next-line no-await-in-loop -- in memory
      await pw.tenants.create({ id: `t-${slug}`, slug, name: slug });
    await pw.tenants.suspend("t-umbra");
    ran = [];
    run = await console(pw, ran);
  });

  it("runs in the scope of one tenant, with the flags of its own", async () => {
    const { exitCode } = await run("--tenant=acme", "--name=may");
    expect(exitCode).toBe(0);
    expect(ran).toEqual([{ where: "acme", name: "may", before: ["PW_NO_SCOPE"] }]);
  });

  it("runs for every active tenant, and none reads what another left in the command", async () => {
    const { exitCode } = await run("--all", "--name=may");
    expect(exitCode).toBe(0);
    expect(ran).toEqual(
      ["acme", "globex", "initech"].map((slug) => ({
        where: slug,
        name: "may",
        before: [],
      })),
    );
  });

  it("keeps for each tenant what prepare made of a flag", async () => {
    await run("--all");
    expect(ran.map(({ name }) => name)).toEqual(["of prepare", "of prepare", "of prepare"]);
  });

  it("runs in a central scope", async () => {
    await run("--central", "--name=may");
    expect(ran.map((one) => one.where)).toEqual(["PW_CENTRAL_SCOPE"]);
  });

  it("runs nothing, and prepares nothing, without one of the three, with two, or with an empty one", async () => {
    for (const argv of [[], ["--all", "--tenant=acme"], ["--all", "--central"], ["--tenant= "]]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const command = await run(...argv);
      expect(command.exitCode).toBe(1);
      expect(command.error).toMatchObject({ code: "PW_USAGE" });
      expect(command.prepared).toEqual([]);
    }
    expect(ran).toEqual([]);
  });

  it("fails for a tenant that is unknown or suspended", async () => {
    expect((await run("--tenant=nobody")).error).toMatchObject({ code: "PW_TENANT_UNKNOWN" });
    expect((await run("--tenant=umbra")).error).toMatchObject({ code: "PW_TENANT_SUSPENDED" });
    expect(ran).toEqual([]);
  });

  it("visits all where one fails, and fails itself", async () => {
    const command = await run("--all", "--fail=globex");
    expect(command.exitCode).toBe(1);
    expect(ran.map((one) => one.where)).toEqual(["acme", "globex", "initech"]);
    const error = command.error as EachError;
    expect(error.code).toBe("PW_EACH_FAILED");
    expect(error.failures.map(({ tenantId }) => tenantId)).toEqual(["t-globex"]);
    expect(command.ui.logger.getLogs().map(({ message }) => message)).toContainEqual(
      expect.stringContaining("t-globex: no report of globex"),
    );
  });

  it("hands on the exit code that a run for one of all has set", async () => {
    expect((await run("--all", "--name=bad")).exitCode).toBe(3);
  });
});
