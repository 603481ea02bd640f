/**
 * M collation, written a second time and in the simplest way: what the engine does with bytes, this does with
 * digits and code points. The two share no line, so that a mistake in one of them shows.
 */

/** What a subscript may be. */
export type Subscript = string | number | bigint;

/** A subscript taken apart. Two that are the same node have the same text and kind. */
export interface Atom {
  /** Canonical numbers come before everything else. */
  readonly numeric: boolean;
  /** Canonical text: what M would print. */
  readonly text: string;
  /** −1, 0 or 1; 0 for strings too. */
  readonly sign: number;
  /** Power of ten of the value when its digits are read as 0.digits. */
  readonly exponent: number;
  /** Significant digits, with no zero at either end. */
  readonly digits: string;
  /** Text in messages and maps: numbers bare, strings quoted. */
  readonly shown: string;
  /** True when the order of its UTF-16 units is that of its code points. */
  readonly isPlain: boolean;
}

/** A reference below a global's name. */
export type AtomKey = readonly Atom[];

const CANONICAL = /^-?(?:[1-9][0-9]*)?(?:\.[0-9]*[1-9])?$/;
const DIGITS_MAX = 18;

/** Atoms of subscripts seen before: taking one apart costs more than all that is done with it. */
const known = new Map<Subscript, Atom>();
const KNOWN_MAX = 20_000;

/** Takes a subscript apart. */
export function atomOf(subscript: Subscript): Atom {
  let atom = known.get(subscript);
  if (atom !== undefined) return atom;
  atom = takeApart(subscript);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(subscript, atom);
  return atom;
}

function takeApart(subscript: Subscript): Atom {
  if (typeof subscript === "string") return atomOfText(subscript);
  if (typeof subscript === "bigint") return atomOfText(String(subscript));
  const [mantissa, power] = String(subscript).split("e");
  const negative = (mantissa as string).startsWith("-");
  const [whole, fraction] = (mantissa as string).replace("-", "").split(".");
  return numberAtom(negative, whole as string, fraction ?? "", Number(power ?? 0));
}

/** Takes a whole reference apart. */
export function atomsOf(subscripts: readonly Subscript[]): Atom[] {
  return subscripts.map(atomOf);
}

function atomOfText(text: string): Atom {
  const shown = JSON.stringify(text);
  const isPlain = !/[\ud800-\uffff]/.test(text);
  const plain: Atom = { numeric: false, text, sign: 0, exponent: 0, digits: "", shown, isPlain };
  if (text === "0") return numberAtom(false, "0", "", 0);
  if (text === "" || text === "-" || !CANONICAL.test(text)) return plain;
  const [whole, fraction] = text.replace("-", "").split(".");
  const atom = numberAtom(text.startsWith("-"), whole as string, fraction ?? "", 0);
  return atom.digits.length <= DIGITS_MAX && atom.exponent <= 47 && atom.exponent > -43 ? atom : plain;
}

/** The number whole.fraction × 10^power. */
function numberAtom(negative: boolean, whole: string, fraction: string, power: number): Atom {
  const all = whole + fraction;
  const leading = all.length - all.replace(/^0+/, "").length;
  const digits = all.replace(/^0+/, "").replace(/0+$/, "");
  const common = { numeric: true, isPlain: true };
  if (digits === "") return { ...common, text: "0", shown: "0", sign: 0, exponent: 0, digits: "" };
  const exponent = whole.length + power - leading;
  let text: string;
  if (exponent >= digits.length) text = digits + "0".repeat(exponent - digits.length);
  else if (exponent > 0) text = `${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
  else text = `.${"0".repeat(-exponent)}${digits}`;
  if (negative) text = `-${text}`;
  return { ...common, text, shown: text, sign: negative ? -1 : 1, exponent, digits };
}

/** Below 0 when `a` collates before `b`, 0 when they are the same subscript. */
export function compareAtoms(a: Atom, b: Atom): number {
  if (a === b) return 0;
  if (a.numeric !== b.numeric) return a.numeric ? -1 : 1;
  if (!a.numeric) {
    return a.isPlain && b.isPlain ? compareUnits(a.text, b.text) : compareCodePoints(a.text, b.text);
  }
  if (a.sign !== b.sign) return a.sign - b.sign;
  const magnitude = a.exponent !== b.exponent
    ? a.exponent - b.exponent
    : compareCodePoints(a.digits, b.digits);
  return a.sign < 0 ? -magnitude : magnitude;
}

function compareUnits(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Compares by code point, as UTF-8 bytes do and UTF-16 units do not. */
function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length) {
    const x = a.codePointAt(i) as number;
    const y = b.codePointAt(i) as number;
    if (x !== y) return x - y;
    i += x > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}

/** Compares references: level by level, a node before its descendants. */
export function compareKeys(a: AtomKey, b: AtomKey): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareAtoms(a[i] as Atom, b[i] as Atom);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** True when `key` is `prefix` or lies below it. */
export function isWithin(key: AtomKey, prefix: AtomKey): boolean {
  if (key.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) {
    if (compareAtoms(key[i] as Atom, prefix[i] as Atom) !== 0) return false;
  }
  return true;
}

/** One text per reference, for maps and messages. */
export function textOfKey(key: AtomKey): string {
  let text = "";
  for (let i = 0; i < key.length; i++) {
    text += i === 0 ? (key[i] as Atom).shown : `,${(key[i] as Atom).shown}`;
  }
  return text;
}
