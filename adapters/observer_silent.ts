/** The observer that listens to nothing: the default, at the price of an empty call. */
import type { Facts, Observer, ObserverTraits, Severity } from "../src/ports/observer.ts";

/** Makes an observer that drops everything. */
export function createSilentObserver(): Observer {
  return new SilentObserver();
}

class SilentObserver implements Observer {
  readonly traits: ObserverTraits = { version: 1 };

  event(_name: string, _severity: Severity, _facts: Facts): void {}

  measure(_name: string, _value: number): void {}
}
