/**
 * A binary heap of events, earliest first; ties by a drawn number, then by order of entry, so that order is
 * total.
 */

/** What the scheduler runs at an instant. */
export interface SimEvent {
  /** Virtual microseconds since the world began. */
  time: number;
  /** Drawn tie-break among events of one instant. */
  tie: number;
  /** Order of entry. */
  readonly order: number;
  /** Who it belongs to: dropped when that owner is dead, held while it is paused. */
  readonly owner: SimOwner | undefined;
  /** What to do; undefined once cancelled. */
  task: (() => void) | undefined;
}

/** A process as the scheduler sees it. */
export interface SimOwner {
  /** False once killed: its events never run. */
  alive: boolean;
  /** Virtual microseconds until which it is stopped; 0 when it runs. */
  pausedUntil: number;
}

/** Events by time. */
export class EventHeap {
  readonly #items: SimEvent[] = [];

  /** Events waiting, cancelled ones included. */
  get size(): number {
    return this.#items.length;
  }

  /** The earliest event, left in place. */
  peek(): SimEvent | undefined {
    return this.#items[0];
  }

  /** Adds an event. */
  push(event: SimEvent): void {
    const items = this.#items;
    let at = items.length;
    items.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as SimEvent;
      if (!precedes(event, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = event;
  }

  /** Takes the earliest event. */
  pop(): SimEvent | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    const length = items.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && precedes(items[child + 1] as SimEvent, items[child] as SimEvent)) child++;
      const below = items[child] as SimEvent;
      if (!precedes(below, last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return first;
  }
}

function precedes(a: SimEvent, b: SimEvent): boolean {
  if (a.time !== b.time) return a.time < b.time;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.order < b.order;
}
