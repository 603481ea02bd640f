/** Observer: events and measures out. Types only; it never throws and never waits. */
export interface ObserverTraits {
  readonly version: 1;
}

/** Facts of an event: small, flat, safe to print. */
export type Facts = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

export type Severity = "debug" | "info" | "warn" | "error";

export interface Observer {
  readonly traits: ObserverTraits;
  /** Something happened: a dotted name (`journal.rotated`), how grave, and its facts. */
  event(name: string, severity: Severity, facts: Facts): void;
  /** A measured value: a name with its unit last (`journal_sync_ms`). */
  measure(name: string, value: number): void;
}
