/** Observer: events and measures out. Types only; it never throws and never waits. */

/** What an observer can promise. */
export interface ObserverTraits {
  /** Version of this contract. */
  readonly version: 1;
}

/**
 * Facts of an event: small, flat, safe to print. `text`, when there is one, says the whole event to people,
 * in place of the others.
 */
export type Facts = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

/** How grave an event is. */
export type Severity = "debug" | "info" | "warn" | "error";

/** Takes what a node tells about itself. */
export interface Observer {
  /** What this observer can promise. */
  readonly traits: ObserverTraits;
  /** Something happened: a dotted name (`journal.rotated`), how grave, and its facts. */
  event(name: string, severity: Severity, facts: Facts): void;
  /** A measured value: a name with its unit last (`journal_sync_ms`). */
  measure(name: string, value: number): void;
}
