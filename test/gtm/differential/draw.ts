/**
 * Operations for the differential run against GT.M, drawn from a seed: every kind, over places that meet each
 * other often, with subscripts and values of every shape.
 */
import type { Subscript } from "@cohort/db";
import type { Prng } from "../../support/prng.ts";
import { EDGE_TEXTS, randomNumberText, randomSubscript, randomText } from "../../support/subscripts.ts";
import type { GtmMode } from "../gtm.ts";

/** A node by global and subscripts. */
export interface Place {
  readonly name: string;
  readonly subscripts: readonly Subscript[];
}

/** What has a form in M: its text. */
export type Stored = string | number | bigint;

/** Operations by kind. `repeat` makes a long value of a short text. */
interface Operations {
  readonly set: { readonly at: Place; readonly value: Stored; readonly repeat: number };
  readonly kill: { readonly at: Place };
  readonly zkill: { readonly at: Place };
  readonly get: { readonly at: Place };
  readonly data: { readonly at: Place };
  readonly order: { readonly at: Place; readonly direction: 1 | -1 };
  readonly query: { readonly at: Place; readonly direction: 1 | -1 };
  readonly merge: { readonly at: Place; readonly from: Place };
  readonly increment: { readonly at: Place; readonly by: number | bigint };
  readonly name: { readonly at: Place };
  readonly begin: unknown;
  readonly commit: unknown;
  readonly rollback: unknown;
}

/** Kinds of operations. */
export type Kind = keyof Operations;

/** One operation of a kind. */
export type OperationOf<K extends Kind> = Operations[K] & { readonly kind: K };

/** One operation. */
export type Operation = { [K in Kind]: OperationOf<K> }[Kind];

/** Names of globals: short ones, with "%", one that others begin with, the longest. */
export const NAMES: readonly string[] = ["a", "B", "%z", "ab", "ABCDEFGHIJKLMNOPQRSTUVWXYZ12345"];
const VOCABULARY = 80;
const RECENT = 250;
const DEPTH_MAX = 31;
/** Deepest target of a merge and of what is merged: more levels than 31 come about now and then. */
const MERGE_DEPTH_MAX = 6;
const VALUE_CHARS = [1, 8, 60, 400];
/** Characters of the longest values. */
const LONG_CHARS = 30_000;

/** An endless row of operations. */
export class Drawing {
  readonly #prng: Prng;
  readonly #mode: GtmMode;
  readonly #words: Subscript[];
  readonly #recent: Place[] = [];
  #inside = 0;

  constructor(prng: Prng, mode: GtmMode) {
    this.#prng = prng;
    this.#mode = mode;
    this.#words = Array.from({ length: VOCABULARY }, (_, at) => at < 12 ? at : this.#fresh());
  }

  next(): Operation {
    const prng = this.#prng;
    if (this.#inside > 0) return this.#within();
    const draw = prng.below(100);
    if (draw < 33) return this.#set(this.#place());
    if (draw < 43) return { kind: "get", at: this.#known() };
    if (draw < 50) return { kind: "data", at: this.#known() };
    if (draw < 64) return { kind: "order", at: this.#edge(this.#known()), direction: prng.pick([1, -1]) };
    if (draw < 76) return { kind: "query", at: this.#edge(this.#known()), direction: prng.pick([1, -1]) };
    if (draw < 79) return { kind: "zkill", at: this.#known() };
    if (draw < 83) return { kind: "kill", at: this.#victim() };
    if (draw < 86) return { kind: "merge", at: this.#short(), from: this.#source() };
    if (draw < 95) return { kind: "increment", at: this.#counter(), by: this.#step() };
    if (draw < 97) {
      this.#inside = prng.below(12, 2);
      return { kind: "begin" };
    }
    return draw < 99 ? this.#refused() : { kind: "name", at: this.#beyond() };
  }

  /** What a transaction does; no increment and no merge, which are no part of one here. */
  #within(): Operation {
    const prng = this.#prng;
    if (--this.#inside === 0) return { kind: prng.pick(["commit", "rollback"]) };
    switch (prng.below(8)) {
      case 0:
      case 1:
      case 2:
        return this.#set(this.#place());
      case 3:
        return { kind: prng.pick(["kill", "zkill"]), at: this.#victim() };
      case 4:
        return { kind: prng.pick(["get", "data"]), at: this.#known() };
      case 5:
        return { kind: "query", at: this.#edge(this.#known()), direction: prng.pick([1, -1]) };
      default:
        return { kind: "order", at: this.#edge(this.#known()), direction: prng.pick([1, -1]) };
    }
  }

  #set(at: Place): Operation {
    this.#recent[this.#recent.length < RECENT ? this.#recent.length : this.#prng.below(RECENT)] = at;
    const value = this.#value();
    const long = typeof value === "string" && value !== "" && this.#prng.once(40);
    const repeat = long ? this.#prng.below(Math.ceil(LONG_CHARS / value.length), 1) : 1;
    return { kind: "set", at, value, repeat };
  }

  #text(charsMax: number): string {
    const text = randomText(this.#prng, charsMax, this.#mode === "M");
    // GT.M refuses code points that are no characters.
    return text.replace(/[\ufffe\uffff\u{10fffe}\u{10ffff}]/gu, "\u20ac");
  }

  #fresh(): Subscript {
    const prng = this.#prng;
    if (prng.once(4)) return this.#text(prng.pick([1, 2, 3, 8, 20]));
    const drawn = randomSubscript(prng, true);
    return typeof drawn === "string" && !this.#isShort(drawn) ? drawn.slice(0, 1) : drawn;
  }

  #isShort(text: string): boolean {
    return text.length <= 64;
  }

  #word(): Subscript {
    return this.#prng.once(5) ? this.#fresh() : this.#prng.pick(this.#words);
  }

  #subscripts(depth: number): Subscript[] {
    return Array.from({ length: depth }, () => depth > 8 ? this.#prng.below(12) : this.#word());
  }

  #place(): Place {
    const prng = this.#prng;
    if (prng.once(3) && this.#recent.length > 0) {
      const near = prng.pick(this.#recent);
      const kept = near.subscripts.slice(0, prng.below(near.subscripts.length + 1));
      if (kept.length < 8) return { name: near.name, subscripts: [...kept, this.#word()] };
    }
    const depth = prng.once(40) ? prng.below(DEPTH_MAX + 1, 8) : prng.pick([0, 1, 1, 2, 2, 2, 3, 4, 6]);
    return { name: prng.pick(NAMES), subscripts: this.#subscripts(depth) };
  }

  /** Mostly a place that was written, or one above or beside it. */
  #known(): Place {
    const prng = this.#prng;
    if (prng.once(5) || this.#recent.length === 0) return this.#place();
    const { name, subscripts } = prng.pick(this.#recent);
    if (prng.once(3)) return { name, subscripts: subscripts.slice(0, prng.below(subscripts.length + 1)) };
    if (prng.once(4) && subscripts.length > 0) {
      return { name, subscripts: [...subscripts.slice(0, -1), this.#word()] };
    }
    return { name, subscripts };
  }

  /** A place whose last subscript is now and then "": before the first, behind the last. */
  #edge(at: Place): Place {
    const { name, subscripts } = at;
    if (subscripts.length === 0) return { name, subscripts: [""] };
    if (!this.#prng.once(4)) return at;
    return { name, subscripts: [...subscripts.slice(0, -1), ""] };
  }

  /** What a kill takes is seldom a whole global. */
  #victim(): Place {
    for (;;) {
      const at = this.#known();
      if (at.subscripts.length > 1 || this.#prng.once(8)) return at;
    }
  }

  #short(): Place {
    const at = this.#known();
    const subscripts = at.subscripts.slice(0, this.#prng.below(MERGE_DEPTH_MAX + 1));
    return { name: at.name, subscripts };
  }

  /** What is merged is seldom a whole global: it would double again and again. */
  #source(): Place {
    for (;;) {
      const at = this.#short();
      if (at.subscripts.length > 1 || this.#prng.once(30)) return at;
    }
  }

  /** A few counters, and anything else that is there: texts are added to by their numeric beginning. */
  #counter(): Place {
    const prng = this.#prng;
    if (prng.once(3)) return this.#known();
    return { name: "B", subscripts: ["counter", prng.below(20)] };
  }

  #step(): number | bigint {
    const prng = this.#prng;
    switch (prng.below(8)) {
      case 0:
        return prng.below(2_000, -1_000) / prng.pick([2, 4, 10, 100, 1_000]);
      case 1:
        return BigInt(prng.pick(["", "-"]) + prng.digits(prng.pick([1, 5, 15, 17, 18])));
      case 2:
        return prng.below(2 ** 53 - 1, -(2 ** 53 - 1));
      case 3:
        return prng.pick([0, 1e15, -1e15, 0.1, 0.2, -0.3, 1e-9]);
      default:
        return prng.below(100, -20);
    }
  }

  #value(): Stored {
    const prng = this.#prng;
    switch (prng.below(9)) {
      case 0:
        return "";
      case 1:
        return prng.below(2 ** 53 - 1, -(2 ** 53 - 1)) / prng.pick([1, 1, 1_000, 1_000_000, 2 ** 20]);
      case 2:
        return BigInt(prng.digits(prng.below(19, 1))) * (prng.once(2) ? 1n : -1n);
      case 3:
        return prng.pick(EDGE_TEXTS);
      case 4:
        return prng.pick(["", "-", "+", "--"]) + randomNumberText(prng) +
          prng.pick(["", "E1", "E-3", "E+20", "e4", ".5", "AB", " "]);
      default:
        return this.#text(prng.pick(VALUE_CHARS));
    }
  }

  /** What both refuse: "" inside a reference or as the key of a value, more than 31 subscripts. */
  #refused(): Operation {
    const prng = this.#prng;
    const { name, subscripts } = this.#place();
    const inner = [...subscripts.slice(0, 5), "", this.#word()];
    const at: Place = {
      name,
      subscripts: prng.pick([inner, inner.slice(0, -1), this.#subscripts(DEPTH_MAX + 1)]),
    };
    const kind = prng.pick(["set", "get", "kill", "data", "order"] as const);
    if (kind === "set") return { kind, at, value: "never", repeat: 1 };
    return kind === "order" ? { kind, at: { name, subscripts: inner }, direction: 1 } : { kind, at };
  }

  /** What only M takes, by cutting it: too long a name, too many digits, too small or large a number. */
  #beyond(): Place {
    const prng = this.#prng;
    if (prng.once(2)) return { name: prng.pick(NAMES) + "x".repeat(31), subscripts: [] };
    const digits = BigInt(prng.digits(prng.below(30, 19)));
    // The last digit is none that is cut without a loss.
    const many = digits % 10n === 0n ? digits + 1n : digits;
    return {
      name: "a",
      subscripts: [prng.pick<Subscript>([many, -many, 1e-44, 2e47, 10n ** 47n, 10n ** 60n + 1n])],
    };
  }
}
