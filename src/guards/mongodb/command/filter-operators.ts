const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Operators that join filters. */
export const LOGICAL_OPERATORS = words("$and $or $nor");

/** Operators at the top of a filter whose operand reads nothing but the document. */
export const FILTER_OPERATORS = words(
  "$text $comment $jsonSchema $sampleRate $alwaysTrue $alwaysFalse",
);

/** Operators on a field. `$ref`, `$id` and `$db` are the members of a DBRef, which is a value. */
export const FIELD_OPERATORS = words(`
  $eq $ne $gt $gte $lt $lte $in $nin $not $exists $type $mod $regex $options $all $elemMatch $size
  $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet
  $geoWithin $geoIntersects $near $nearSphere $maxDistance $minDistance $geometry $within $uniqueDocs
  $box $center $centerSphere $polygon $ref $id $db $comment
`);
