import {
  isListen,
  isLocalSetting,
  isPreparable,
  isSavepoint,
  isTransactionControl,
  mayBeSeveral,
  mayTouchSession,
} from "./statement.js";

/** What the guard reads from a statement's text. */
export interface Traits {
  readonly isControl: boolean;
  readonly isSavepoint: boolean;
  readonly isLocalSetting: boolean;
  readonly isListen: boolean;
  readonly isPreparable: boolean;
  readonly mayBeSeveral: boolean;
  readonly mayTouchSession: boolean;
}

const MOST_TEXTS = 1000;
const LONGEST_TEXT = 4000;
const known = new Map<string, Traits>();

/** The traits of a text; kept, since an application sends the same few texts again and again. */
export function traitsOf(text: string): Traits {
  return known.get(text) ?? learn(text);
}

function learn(text: string): Traits {
  const traits: Traits = {
    isControl: isTransactionControl(text),
    isSavepoint: isSavepoint(text),
    isLocalSetting: isLocalSetting(text),
    isListen: isListen(text),
    isPreparable: isPreparable(text),
    mayBeSeveral: mayBeSeveral(text),
    mayTouchSession: mayTouchSession(text),
  };
  if (text.length <= LONGEST_TEXT) {
    if (known.size >= MOST_TEXTS) known.clear();
    known.set(text, traits);
  }
  return traits;
}
