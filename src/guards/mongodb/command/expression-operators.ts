const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Operators of aggregation expressions, accumulators and window functions that compute from the document alone. */
export const EXPRESSION_OPERATORS = words(`
  $abs $add $addToSet $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $acos $acosh $atan
  $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bottom $bottomN $bsonSize $ceil $cmp $concat $concatArrays
  $cond $convert $cos $cosh $count $covariancePop $covarianceSamp $createObjectId $currentDate $dateAdd $dateDiff
  $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear
  $degreesToRadians $denseRank $derivative $divide $documentNumber $eq $exp $expMovingAvg $filter $first $firstN $floor
  $getField $gt $gte $hash $hexHash $hour $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $integral $isArray
  $isNumber $isoDayOfWeek $isoWeek $isoWeekYear $last $lastN $let $linearFill $literal $ln $locf $log $log10 $lt $lte
  $ltrim $map $max $maxN $median $mergeObjects $meta $millisecond $min $minMaxScaler $minN $minute $mod $month $multiply
  $ne $not $objectToArray $or $percentile $pow $push $radiansToDegrees $rand $range $rank $reduce $regexFind $regexFindAll
  $regexMatch $replaceAll $replaceOne $reverseArray $round $rtrim $sampleRate $second $setDifference $setEquals $setField
  $setIntersection $setIsSubset $setUnion $shift $sigmoid $sin $sinh $size $slice $sortArray $split $sqrt $stdDevPop
  $stdDevSamp $strLenBytes $strLenCP $strcasecmp $substr $substrBytes $substrCP $subtract $sum $switch $tan $tanh $toArray
  $toBool $toDate $toDecimal $toDouble $toHashedIndexKey $toInt $toLong $toLower $toObject $toObjectId $toString $toUUID
  $toUpper $top $topN $trim $trunc $tsIncrement $tsSecond $type $unsetField $week $year $zip
`);

/** Operators of a projection of find. */
export const PROJECTION_OPERATORS = words("$elemMatch $slice $meta");

/** System variables that tell of more than the document. */
export const REFUSED_VARIABLES = words("$$SEARCH_META $$USER_ROLES");
