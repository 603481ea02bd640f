/** Clock: the only source of time. Types only. */
export interface ClockTraits {
  readonly version: 1;
  /** True when time is simulated. */
  readonly virtual: boolean;
}

export interface Clock {
  readonly traits: ClockTraits;
  /** Milliseconds that never go back; the zero is arbitrary. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as the host believes. */
  wallMs(): number;
  /** Runs `task` once after `delayMs` (≥ 0); returns its cancel. A pending task does not keep the process alive when `background`. */
  after(delayMs: number, task: () => void, background?: boolean): () => void;
}
