import { lineAt } from "../../adopt/schema-files/text-edits.js";
import { placeOf } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { VARIABLES } from "./environment.js";
import { FileEditor } from "./file-editor.js";
import type { PoolOptions } from "./pool-options.js";
import type { SourceFile, SourceFiles } from "./source-file.js";
import { endingOf, specifier, type Modules } from "./style.js";

/** Something that a person has to change, since no edit of it would be safe. */
export interface ManualStep {
  /** The file, relative to the project; absent where it is about none that is there. */
  readonly path?: string;
  /** Counted from one. */
  readonly line?: number;
  /** Why it was not done. */
  readonly why: string;
  /** What stands there. */
  readonly before?: string;
  /** What is to stand there. */
  readonly after: string;
}

/** A function of `partywall/adapters/<file>`. */
export interface Adapter {
  readonly name: string;
  readonly file: string;
}

const LONGEST = 400;

/** Collects what is to be changed in a project while its wiring is worked out. */
export class Workbench {
  readonly files: SourceFiles;
  readonly modules: Modules;
  /** Every place of the source that constructs a client. */
  readonly clients: readonly ClientNode[];
  /** The file that exports `pw`, relative to the project. */
  readonly entry: string;
  readonly manual: ManualStep[] = [];
  readonly notices: string[] = [];
  /** Options of the pool that the guard's takes the place of. */
  readonly poolOptions = new Map<string, string>();
  /** The environment variable that held the database's address. */
  formerVariable: string | undefined;
  readonly #editors = new Map<string, FileEditor>();
  readonly #wired = new Set<ClientNode["node"]>();

  constructor(what: {
    readonly files: SourceFiles;
    readonly modules: Modules;
    readonly clients: readonly ClientNode[];
    readonly entry: string;
  }) {
    this.files = what.files;
    this.modules = what.modules;
    this.clients = what.clients;
    this.entry = what.entry;
  }

  /** The editor of a file. */
  editor(file: SourceFile): FileEditor {
    const known = this.#editors.get(file.path);
    if (known !== undefined) return known;
    const editor = new FileEditor(file, this.modules);
    this.#editors.set(file.path, editor);
    return editor;
  }

  /** Imports a name of another file of the project, and gives what it is called. */
  import(editor: FileEditor, name: string, path: string): string {
    const { file } = editor;
    return editor.import(name, specifier(file.path, path, endingOf(file, this.modules)));
  }

  /** What the guard is called in a file. */
  guard(editor: FileEditor): string {
    return `${this.import(editor, "pw", this.entry)}.postgres`;
  }

  /** What the guarded pool is called in a file. */
  guardedPool(editor: FileEditor): string {
    return `${this.guard(editor)}.pool`;
  }

  /** Hands an expression to an adapter: `guardKnex(pw.postgres, …)`; what stands behind it is `behind`. */
  wrap(editor: FileEditor, node: object, { name, file }: Adapter, behind = ")"): void {
    const guard = this.guard(editor);
    const called = editor.import(name, `partywall/adapters/${file}`);
    editor.wrap(node, `${called}(${guard}, `, behind);
  }

  /** The address with the application's login, for a client that connects by itself. */
  address(editor: FileEditor): string {
    // Types of such clients take no undefined.
    const there = /\.[cm]?tsx?$/.test(editor.file.path) ? "!" : "";
    return editor.styled(`process.env["${VARIABLES.app}"]`) + there;
  }

  /** Takes over what a pool was given, for the pool in its place. */
  keep({ kept, variable }: PoolOptions): void {
    for (const [name, text] of kept) this.poolOptions.set(name, text);
    this.formerVariable ??= variable;
  }

  /** Notes that a client has been seen to. */
  wired(client: ClientNode): void {
    this.#wired.add(client.node);
  }

  isWired(client: ClientNode): boolean {
    return this.#wired.has(client.node);
  }

  /** Leaves something to a person, with the place of a node. */
  leave(file: SourceFile, node: object, why: string, after: string): void {
    const { start, end } = placeOf(node);
    const text = file.text.slice(start, end);
    this.manual.push({
      path: file.path,
      line: lineAt(file.text, start),
      why,
      before: text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text,
      after,
    });
  }

  /** The files that were changed, with their text after it. */
  edited(): { readonly path: string; readonly before: string; readonly after: string }[] {
    return [...this.#editors.values()].flatMap((editor) => {
      const { path, text } = editor.file;
      const after = editor.result();
      return after === text ? [] : [{ path, before: text, after }];
    });
  }
}
