/** The clock of the host: its monotonic and wall time, and timers that never fire early. */
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Clock, ClockTraits } from "../src/ports/clock.ts";

/** Longest delay that one timer of the runtime takes, in milliseconds; a longer one fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Makes the host's clock. It holds nothing but the timers pending. */
export function createSystemClock(): Clock {
  return new SystemClock();
}

class SystemClock implements Clock {
  readonly traits: ClockTraits = { version: 1, virtual: false };

  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, task: () => void, background: boolean = false): () => void {
    if (!(delayMs >= 0)) {
      throw new RangeError(`run a task later needs a delay that is not negative, got ${delayMs}`);
    }
    if (delayMs === 0 && !background) return nextTurn(task);
    const due = performance.now() + delayMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const arm = (restMs: number): void => {
      timer = setTimeout(fire, Math.min(Math.ceil(restMs), TIMER_MS_MAX));
      if (background) timer.unref();
    };
    const fire = (): void => {
      // Runtimes count from the start of the loop's turn and may be up to a millisecond early.
      const restMs = due - performance.now();
      if (restMs > 0) return arm(restMs);
      timer = undefined;
      task();
    };
    arm(delayMs);
    return () => {
      if (timer !== undefined) clearTimeout(timer);
      timer = undefined;
    };
  }
}

/** In the loop's next turn: a timer of no delay would take a millisecond. */
function nextTurn(task: () => void): () => void {
  const immediate = setImmediate(task);
  return () => clearImmediate(immediate);
}
