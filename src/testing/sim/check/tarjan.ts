/** Strongly connected components, without recursion: graphs of histories are deep. */

/** A directed graph over 0..n−1. */
export class Graph {
  readonly #edges: number[][];

  constructor(nodes: number) {
    this.#edges = Array.from({ length: nodes }, () => []);
  }

  /** Adds an edge. */
  add(from: number, to: number): void {
    if (from !== to) (this.#edges[from] as number[]).push(to);
  }

  /** Adds a node and answers its number. */
  grow(): number {
    return this.#edges.push([]) - 1;
  }

  /** Where edges from a node lead. */
  from(node: number): readonly number[] {
    return this.#edges[node] as number[];
  }

  /** Components of more than one node: in each, every node leads to every other. */
  cycles(): number[][] {
    const count = this.#edges.length;
    const index = new Int32Array(count).fill(-1);
    const low = new Int32Array(count);
    const onStack = new Uint8Array(count);
    const next = new Int32Array(count);
    const stack: number[] = [];
    const found: number[][] = [];
    let order = 0;
    for (let root = 0; root < count; root++) {
      if (index[root] !== -1) continue;
      const path = [root];
      while (path.length > 0) {
        const node = path[path.length - 1] as number;
        if (index[node] === -1) {
          index[node] = low[node] = order++;
          stack.push(node);
          onStack[node] = 1;
        }
        const edges = this.#edges[node] as number[];
        const to = edges[next[node] as number];
        if (to !== undefined) {
          next[node] = (next[node] as number) + 1;
          if (index[to] === -1) path.push(to);
          else if (onStack[to] === 1) low[node] = Math.min(low[node] as number, index[to] as number);
          continue;
        }
        path.pop();
        const above = path[path.length - 1];
        if (above !== undefined) low[above] = Math.min(low[above] as number, low[node] as number);
        if (low[node] !== index[node]) continue;
        const component = stack.splice(stack.indexOf(node));
        for (const member of component) onStack[member] = 0;
        if (component.length > 1) found.push(component);
      }
    }
    return found;
  }

  /** A shortest cycle within a component, through its first node. */
  cycleIn(component: readonly number[]): number[] {
    const start = component[0] as number;
    const inside = new Set(component);
    const before = new Map<number, number>();
    const queue = [start];
    for (let at = 0; at < queue.length; at++) {
      const node = queue[at] as number;
      for (const to of this.from(node)) {
        if (to === start) {
          const cycle = [node];
          while (cycle[0] !== start) cycle.unshift(before.get(cycle[0] as number) as number);
          return cycle;
        }
        if (!inside.has(to) || before.has(to)) continue;
        before.set(to, node);
        queue.push(to);
      }
    }
    return [start];
  }
}
