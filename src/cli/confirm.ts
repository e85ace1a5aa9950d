import type { Context } from "./context.js";
import type { StringFlag, BooleanFlag } from "./flags.js";
import { UsageError } from "./usage-error.js";

/** The flags of a command that destroys or shuts out. */
export const CONFIRM_FLAGS = {
  confirm: {
    type: "string",
    value: "slug",
    summary: "Confirms without being asked: the slug of the tenant this is done to.",
  },
  yes: {
    type: "boolean",
    summary: "Refused here unless --confirm names the slug: a habit must not destroy.",
  },
} as const satisfies Record<string, StringFlag | BooleanFlag>;

/**
 * Lets a person type the slug before something is destroyed, or takes it from `--confirm`. Throws {@link UsageError}
 * where it is another slug, where nobody can be asked, and for `--yes` alone.
 */
export async function confirmDestruction(
  context: Context,
  what: {
    readonly slug: string;
    /** What will happen, as a sentence. */
    readonly consequence: string;
    readonly confirm: string | undefined;
    readonly yes: boolean;
  },
): Promise<void> {
  const { slug, consequence, confirm, yes } = what;
  if (confirm !== undefined) {
    if (confirm === slug) return;
    throw new UsageError(
      `--confirm names ${JSON.stringify(confirm)}, but this is about ${JSON.stringify(slug)}. Nothing was done.`,
    );
  }
  if (yes) {
    throw new UsageError(
      `--yes does not confirm this: ${consequence} Nothing was done. Add --confirm ${slug}.`,
    );
  }
  if (context.ask === undefined) {
    throw new UsageError(
      `This must be confirmed, and nobody can be asked here: ${consequence} Nothing was done. Add --confirm ${slug}.`,
    );
  }
  const typed = await context.ask(`${consequence}\nType ${slug} to go on: `);
  if (typed.trim() !== slug) {
    throw new UsageError(`What was typed is not ${JSON.stringify(slug)}. Nothing was done.`);
  }
}
