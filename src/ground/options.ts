/** Options, checked at the door: one that is misspelt must not become a default that nobody asked for. */

/** The names of all options of a type; the compiler sees to it that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** Throws TypeError unless `options` are an object that has no other options than these. */
export function checkOptions<T>(options: T, names: OptionNames<T>): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Options are an object, got ${options === null ? "null" : typeof options}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names).join(", ");
    throw new TypeError(`There is no option ${JSON.stringify(name)} here; there are: ${known}`);
  }
}

/** Throws TypeError unless an option that was given is of a type, as `typeof` tells it. */
export function checkType(name: string, value: unknown, type: "boolean" | "function"): void {
  if (value === undefined || typeof value === type) return;
  const expected = type === "boolean" ? "true or false" : "a function";
  throw new TypeError(`${name} is ${expected}, got ${value === null ? "null" : typeof value}`);
}
