/** Noticing: a node's observer as its parts have it. */
import type { Observer } from "../ports/mod.ts";

/** Events that change what a node's status says. */
const STATE_EVENTS: ReadonlySet<string> = new Set([
  "writes.frozen",
  "writes.thawed",
  "journal.frozen",
  "journal.thawed",
  "node.stopped",
]);

/**
 * The same observer, and a word to the status feed when an event changes the state. What it throws, against
 * its contract, goes nowhere: a mistake in somebody's log must not end a write half way.
 */
export function noticing(observer: Observer, notice: () => void): Observer {
  return {
    traits: observer.traits,
    event: (name, severity, facts) => {
      try {
        observer.event(name, severity, facts);
      } catch { /* see above */ }
      if (STATE_EVENTS.has(name)) notice();
    },
    measure: (name, value) => {
      try {
        observer.measure(name, value);
      } catch { /* see above */ }
    },
  };
}
