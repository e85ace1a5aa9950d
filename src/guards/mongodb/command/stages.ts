import { isDocument } from "./plain.js";
import { named, refused } from "./refusal.js";

/** Stages that work on the documents that reach them, and on nothing else. */
export const LOCAL_STAGES: ReadonlySet<string> = new Set(
  `$addFields $bucket $bucketAuto $changeStreamSplitLargeEvent $count $densify $fill $group $limit $project $redact
   $replaceRoot $replaceWith $sample $set $setWindowFields $skip $sort $sortByCount $unset $unwind`.split(
    /\s+/,
  ),
);

/** The name and the operand of a stage. Throws unless it has exactly one name. */
export function stageOf(stage: unknown): readonly [string, unknown] {
  const [one, ...more] = isDocument(stage) ? Object.entries(stage) : [];
  if (one === undefined || more.length > 0)
    throw refused("A stage of a pipeline is no document of one member", "Write { $stage: … }.");
  return one;
}

/** The error of a stage that is refused or not known. */
export const refusedStage = (name: string) =>
  refused(
    `The stage ${named(name)} is not allowed here`,
    "See the table of operations in the docs.",
  );
