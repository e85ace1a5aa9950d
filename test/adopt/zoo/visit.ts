import { isDeepStrictEqual } from "node:util";
import {
  planAdoption,
  runAdoption,
  undoAdoption,
  type AdoptionPlan,
  type AdoptOptions,
  type Phase,
} from "partywall/adopt";
import { lookBehindTheWall } from "./behind-the-wall.js";
import { catalogueDifferences, readCatalogue } from "./catalogue.js";
import { contents, holders } from "./contents.js";
import type { Entry, Write } from "./entry.js";
import { Findings, told } from "./findings.js";
import { buildHabitat, type Adopter, type Enclosure, type Habitat } from "./habitat.js";
import { strangers } from "./kinship.js";
import { planFaults } from "./plan-faults.js";
import { unsound } from "./soundness.js";

export interface VisitOptions {
  /** Default: a superuser. */
  readonly adopter?: Adopter;
  /** Run by the superuser on the adopted schema before it is looked at, to see that the oracle notices. */
  readonly sabotage?: string;
}

/**
 * Puts one entry through adoption and returns everything that is not as it should be, in words; nothing where the
 * former application has its answers under its tenant, and nobody else has any of them.
 */
export async function visit(entry: Entry, options: VisitOptions = {}): Promise<string[]> {
  const habitat = await buildHabitat(entry, options.adopter);
  try {
    const found = await new Visit(entry, habitat).run(options.sabotage);
    return found.map((line) => habitat.anonymous(line));
  } finally {
    await habitat.close();
  }
}

class Visit {
  readonly #entry: Entry;
  readonly #habitat: Habitat;
  readonly #findings: Findings;

  constructor(entry: Entry, habitat: Habitat) {
    this.#entry = entry;
    this.#habitat = habitat;
    this.#findings = new Findings(entry);
  }

  async run(sabotage?: string): Promise<string[]> {
    const findings = this.#findings;
    const habitat = this.#habitat;
    const entry = this.#entry;
    const [original, adopted] = [await habitat.copy(), await habitat.copy()];
    const plan = await this.#plan(original, adopted);
    if (plan === undefined) return findings.all;
    findings.hidden = [...new Set(plan.tables.flatMap(({ column }) => column ?? []))];
    findings.add(...planFaults(plan, entry));
    if (entry.down !== false) await this.#undo(plan.options);
    const before = await readCatalogue(adopted.keeper);
    const answersAtFirst = await findings.questions(original.former);
    if (!(await this.#live(plan, original, adopted))) return findings.all;
    if (sabotage) await adopted.keeper.query(habitat.named(sabotage));
    if (entry.mended) await original.former.query(habitat.named(entry.mended));
    findings.add(...strangers(before, await readCatalogue(adopted.keeper), plan, entry));
    const wasInvalid = [...before.values()].some((definition) => definition.includes(" invalid"));
    const faults = await unsound(adopted.keeper, plan, habitat.roles.app);
    findings.add(...faults.filter((line) => !(wasInvalid && line.endsWith("is an invalid index"))));
    await lookBehindTheWall({ entry, habitat, findings, plan, original, adopted, answersAtFirst });
    return findings.all;
  }

  /** The plan that is run, past the obstacles that are expected; nothing where it ends at them. */
  async #plan(original: Enclosure, adopted: Enclosure): Promise<AdoptionPlan | undefined> {
    const { obstacles: expected = [], remedy, answer } = this.#entry;
    const plan = await planAdoption(adopted.adopter, this.#habitat.options());
    const codes = plan.obstacles.map(({ code }) => code).toSorted();
    if (!isDeepStrictEqual(codes, expected.toSorted())) {
      const why = plan.obstacles.map((one) => `${one.code} of ${one.object}: ${one.why}`).join(" ");
      this.#findings.add(
        `expected the obstacles [${expected.join()}], got [${codes.join()}] ${why}`,
      );
      return undefined;
    }
    if (codes.length === 0) return plan;
    await this.#runsNothing(plan, adopted);
    const acknowledge = plan.obstacles.flatMap(({ acknowledgeable, object }) =>
      acknowledgeable ? [object] : [],
    );
    if (!remedy && !answer && acknowledge.length === 0) return undefined;
    if (remedy) {
      for (const { former } of [original, adopted]) {
        await former.query(this.#habitat.named(remedy));
      }
    }
    const options = this.#habitat.options({ ...answer, acknowledge });
    const second = await planAdoption(adopted.adopter, options);
    for (const { code, object, why } of second.obstacles) {
      this.#findings.add(`the obstacle ${code} of ${object} is still there: ${why}`);
    }
    return second.obstacles.length > 0 ? undefined : second;
  }

  async #runsNothing(plan: AdoptionPlan, { keeper, adopter }: Enclosure): Promise<void> {
    const before = await readCatalogue(keeper);
    const refused = await runAdoption(adopter, plan).then(
      () => false,
      () => true,
    );
    if (!refused) this.#findings.add("a plan with obstacles was run");
    for (const { line } of catalogueDifferences(before, await readCatalogue(keeper))) {
      this.#findings.add(`in spite of obstacles: ${line}`);
    }
  }

  /** Takes the expand phase back, on a copy of its own, and compares. */
  async #undo(options: AdoptOptions): Promise<void> {
    const { keeper, former, adopter } = await this.#habitat.copy();
    if (this.#entry.remedy) await former.query(this.#habitat.named(this.#entry.remedy));
    const before = await readCatalogue(keeper);
    const plan = await planAdoption(adopter, options);
    const of = await holders(keeper, plan);
    const held = await contents(former, of, []);
    try {
      await runAdoption(adopter, plan, { phases: ["expand"] });
      await undoAdoption(adopter, plan);
    } catch (error) {
      this.#findings.add(`expand could not be taken back: ${told(error)}`);
      return;
    }
    for (const { name, line } of catalogueDifferences(before, await readCatalogue(keeper))) {
      if (this.#entry.differs?.[name] === undefined) {
        this.#findings.add(`taken back, but ${line}`);
      }
    }
    this.#findings.compare("taken back", held, await contents(former, of, []));
  }

  /** Runs the phases while the former application goes on; whether all succeeded. */
  async #live(plan: AdoptionPlan, original: Enclosure, adopted: Enclosure): Promise<boolean> {
    const { writes = [], meanwhile } = this.#entry;
    const findings = this.#findings;
    const ran = async (phase: Phase) => {
      try {
        await runAdoption(adopted.adopter, plan, { phases: [phase] });
        return true;
      } catch (error) {
        findings.add(`the phase ${phase} failed: ${told(error)}`);
        return false;
      }
    };
    const alike = async (who: string, write: Write, end: "commit" | "rollback") => {
      const expected = await findings.send(original.former, write, end);
      findings.compareWrite(who, write, expected, await findings.send(adopted.former, write, end));
    };
    const goesOn = async (when: string) => {
      const who = `the former application after ${when}`;
      const expected = await findings.questions(original.former);
      findings.compare(who, expected, await findings.questions(adopted.former));
      for (const write of writes) await alike(who, write, "rollback");
    };
    if (!(await ran("expand"))) return false;
    await goesOn("expand");
    if (meanwhile) await alike("the former application meanwhile", meanwhile, "commit");
    if (!(await ran("backfill"))) return false;
    await goesOn("backfill");
    return ran("enforce");
  }
}
