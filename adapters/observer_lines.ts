/**
 * An observer that tells each event as one line of text: `2026-01-31T12:00:00.000Z warn journal.frozen
 * errno=ENOSPC`.
 *
 * Values with a space, a quote or a control character stand in JSON quotes, so one event never takes two
 * lines. An event with a fact `text` is told by that alone, as it stands but for control characters:
 * `2026-01-31T12:00:00.000Z info /data/hr  Pvt`.
 */
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type { Facts, Observer, ObserverTraits, Severity } from "../src/ports/observer.ts";

/** Options of {@linkcode createLineObserver}. */
export interface LineObserverOptions {
  /**
   * Takes a line, without its end. What it throws is dropped: an observer never disturbs what it observes.
   */
  readonly write: (line: string) => void;
  /** Least grave events that are told: "info" by default. */
  readonly severity?: Severity;
  /** Whether measures are told too, as lines of their own. False by default: there may be many a second. */
  readonly measures?: boolean;
  /** Milliseconds since 1970, for the time that leads a line; the host's by default. */
  readonly wallMs?: () => number;
}

const GRAVITY: Readonly<Record<Severity, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

const LINE_OBSERVER_OPTIONS: OptionNames<LineObserverOptions> = {
  write: true,
  severity: true,
  measures: true,
  wallMs: true,
};

/** Makes an observer that writes lines. It holds nothing. */
export function createLineObserver(options: LineObserverOptions): Observer {
  checkOptions(options, LINE_OBSERVER_OPTIONS);
  return new LineObserver(options);
}

class LineObserver implements Observer {
  readonly traits: ObserverTraits = { version: 1 };
  readonly #write: (line: string) => void;
  readonly #gravityMin: number;
  readonly #measures: boolean;
  readonly #wallMs: () => number;

  constructor(options: LineObserverOptions) {
    const severity = options.severity ?? "info";
    if (!Object.hasOwn(GRAVITY, severity)) {
      const known = Object.keys(GRAVITY).join(", ");
      throw new RangeError(`make a line observer needs one of the severities ${known}, got ${severity}`);
    }
    this.#write = options.write;
    this.#gravityMin = GRAVITY[severity];
    this.#measures = options.measures ?? false;
    this.#wallMs = options.wallMs ?? Date.now;
  }

  event(name: string, severity: Severity, facts: Facts): void {
    if (GRAVITY[severity] < this.#gravityMin) return;
    const { text } = facts;
    if (text !== undefined) return this.#tell(`${severity} ${onOneLine(String(text))}`);
    let line = `${severity} ${name}`;
    for (const fact in facts) {
      const value = facts[fact];
      if (value !== undefined) line += ` ${fact}=${plain(String(value))}`;
    }
    this.#tell(line);
  }

  measure(name: string, value: number): void {
    if (this.#measures) this.#tell(`measure ${name}=${value}`);
  }

  #tell(line: string): void {
    try {
      this.#write(`${new Date(this.#wallMs()).toISOString()} ${line}`);
    } catch {
      // The sink's own trouble is not the node's.
    }
  }
}

function onOneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (code) => `\\u${code.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function plain(text: string): string {
  return /^[^\s"\p{Cc}\u2028\u2029]+$/u.test(text) ? text : JSON.stringify(text);
}
