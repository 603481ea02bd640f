/** Clock: the only source of time. Types only. */

/** What a clock can promise. */
export interface ClockTraits {
  /** Version of this contract. */
  readonly version: 1;
  /** True when time is simulated. */
  readonly virtual: boolean;
}

/** Time, as the host or a simulator gives it. */
export interface Clock {
  /** What this clock can promise. */
  readonly traits: ClockTraits;
  /** Milliseconds that never go back; the zero is arbitrary. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as the host believes. */
  wallMs(): number;
  /**
   * Runs `task` once after `delayMs` (0: in the next turn); returns its cancel. A pending task does not keep
   * the process alive when `background`.
   */
  after(delayMs: number, task: () => void, background?: boolean): () => void;
}
