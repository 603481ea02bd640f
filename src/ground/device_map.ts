/**
 * Device map: directory specifications with a device, as the model's clusters write them:
 *
 *     TEST$DKA100:[HR.WEST]   a disk that the node TEST serves, and a directory on it
 *     $1$DKA100:[HR]          a disk of the controller 1
 *     DKA100:[HR]             expanded to the one disk of that name: TEST$DKA100:[HR]
 *     SYS:[HR]                by a logical name, which stands for a disk or a directory of one
 *     TEST$DKA100:            the disk itself; TEST$DKA100:[000000] is the same
 *
 *     specification = name ":" [ "[" directory "]" ]
 *     name          = device | disk | logical
 *     device        = word "$" disk | "$" digits "$" disk
 *     directory     = part { "." part }; parts "000000" in front are the disk itself
 *     part          = letters, digits, "_", "-", "$"; not "-" alone, which is the directory above
 *     disk, word    = letters, digits, "_", "-"
 *     logical       = a letter, then letters, digits, "_", "-", "$"
 *
 * Letters are upper case, whatever was written, so that one directory has one name: dka100:[hr] is
 * TEST$DKA100:[HR], on a host the directory HR of that disk's. A directory of other letters is named by its
 * path, or by a logical device of its own. What is not a word, a colon and then the end or "[" is a path, and
 * stays what it is; so `./A:[B]` is the way to a directory of that odd name.
 */
import { CohortError } from "./errors.ts";

/** Paths of devices, and what logical names stand for, as the option `devices` gives them. */
export type Devices = Readonly<Record<string, string>>;

/** A directory under its one name. */
export interface ExpandedDirectory {
  /** The specification with the whole device name, in upper case; a path as it was given. */
  readonly name: string;
  /** Its path. */
  readonly path: string;
}

/** What a name of the map leads to. */
interface Place {
  /** Full name of the device. */
  readonly device: string;
  /** Path of the device. */
  readonly root: string;
  /** Directory on it; of a logical name. */
  readonly parts: readonly string[];
}

/** A checked device map. Made by {@linkcode checkDevices}. */
export type DeviceMap = ReadonlyMap<string, Place>;

interface Specification {
  readonly name: string;
  readonly parts: readonly string[];
}

const SPECIFICATION = /^([A-Za-z0-9$_-]+):(?=\[|$)/;
const DEVICE = /^(?:[A-Z0-9_-]+|\$[0-9]+)\$[A-Z0-9_-]+$/;
const LOGICAL = /^[A-Z][A-Z0-9_$-]*$/;
const PART_HERE = /[A-Z0-9_$-]+/iy;
/** The directory of a disk itself, which is in itself under this name. */
const MASTER_DIRECTORY = "000000";

/**
 * Checks the option `devices`: a path for the full name of each device, with or without its colon, a
 * specification for each logical name. TypeError or RangeError says which entry is wrong: an odd name, one
 * given twice, a device without its node or controller, a logical name that leads nowhere or to itself.
 */
export function checkDevices(devices: Devices = {}): DeviceMap {
  if (typeof devices !== "object" || devices === null || Array.isArray(devices)) {
    throw new TypeError(`devices is an object of paths by device name, got ${JSON.stringify(devices)}`);
  }
  const map = new Map<string, Place>();
  const logicals = new Map<string, Specification>();
  for (const [key, value] of Object.entries(devices)) {
    const name = key.replace(/:$/, "").toUpperCase();
    if (map.has(name) || logicals.has(name)) throw new RangeError(`devices has ${name} twice`);
    if (typeof value !== "string" || value === "" || value.includes("\0")) {
      throw new TypeError(`devices has a path or a specification for ${name}, got ${JSON.stringify(value)}`);
    }
    if (SPECIFICATION.test(value)) {
      if (!LOGICAL.test(name)) throw new RangeError(`devices: ${JSON.stringify(key)} is no logical name`);
      logicals.set(name, specificationFor(name, value));
    } else if (DEVICE.test(name)) {
      map.set(name, { device: name, root: value, parts: [] });
    } else {
      const forms = "NODE$DISK, or $1$DISK on a controller";
      throw new RangeError(`devices names a device in full, ${forms}, got ${JSON.stringify(key)}`);
    }
  }
  addLogicals(map, logicals);
  return map;
}

/** What a logical name stands for; what is wrong about it is a mistake in an option. */
function specificationFor(name: string, value: string): Specification {
  try {
    return parseSpecification(value);
  } catch (error) {
    throw new RangeError(`devices has no well-formed specification for ${name}: ${value}`, { cause: error });
  }
}

/** Follows logical names, of which one may stand for another, until each leads to a device. */
function addLogicals(map: Map<string, Place>, logicals: Map<string, Specification>): void {
  const disks = new Map(map);
  while (logicals.size > 0) {
    const before = logicals.size;
    for (const [name, { name: target, parts }] of logicals) {
      // A logical name goes before the disks that are called so.
      const place = logicals.has(target) ? undefined : map.get(target) ?? soleDisk(target, disks);
      if (place === undefined) continue;
      map.set(name, { ...place, parts: [...place.parts, ...parts] });
      logicals.delete(name);
    }
    if (logicals.size < before) continue;
    const named = [...logicals].map(([name, { name: target }]) => `${name} to ${target}:`).join(", ");
    throw new RangeError(`devices has logical names that lead to no one device: ${named}`);
  }
}

/** Whether a text is a specification, not a path; what is wrong about it may still be found. */
export function isSpecification(text: string): boolean {
  return SPECIFICATION.test(text);
}

/**
 * The one name, and the path, of a directory that is given by its specification or its path. Throws `SYNTAX`
 * with the position of what is wrong in a specification, `NOT_FOUND` (fact `device`) when the map has no
 * device of its name, or more than one disk. A path is answered as it is.
 */
export function expandDirectory(text: string, map: DeviceMap): ExpandedDirectory {
  if (!isSpecification(text)) return { name: text, path: text };
  const { name, parts } = parseSpecification(text);
  const place = map.get(name) ?? soleDisk(name, map) ?? noDevice(text, name, map);
  const whole = [...place.parts, ...parts];
  const directory = whole.length === 0 ? "" : `[${whole.join(".")}]`;
  return { name: `${place.device}:${directory}`, path: joined(place.root, whole) };
}

/** The device whose disk has this name, when there is just one. */
function soleDisk(disk: string, map: ReadonlyMap<string, Place>): Place | undefined {
  const places = disksNamed(disk, map);
  return places.length === 1 ? places[0] : undefined;
}

function disksNamed(disk: string, map: ReadonlyMap<string, Place>): Place[] {
  if (disk.includes("$")) return [];
  return [...map].filter(([name, { device }]) => name === device && name.endsWith(`$${disk}`))
    .map(([_, place]) => place);
}

function noDevice(text: string, device: string, map: DeviceMap): never {
  const disks = disksNamed(device, map).map((place) => `${place.device}:`);
  const why = disks.length > 1
    ? `${device}: may be ${disks.join(" or ")}; write it in full`
    : `there is no device ${device}: in the option devices`;
  throw new CohortError("NOT_FOUND", `Could not find ${text}: ${why}`, { device });
}

function joined(root: string, parts: readonly string[]): string {
  if (parts.length === 0) return root;
  return `${root.replace(/\/+$/, "")}/${parts.join("/")}`;
}

/** Takes apart what {@linkcode isSpecification} is true of. */
function parseSpecification(text: string): Specification {
  const name = SPECIFICATION.exec(text)![1]!.toUpperCase();
  if (!DEVICE.test(name) && !LOGICAL.test(name) && !/^[A-Z0-9_-]+$/.test(name)) {
    fail(text, 0, "a device was expected, such as NODE$DISK: or $1$DISK:");
  }
  const start = name.length + 1;
  if (text.length === start) return { name, parts: [] };
  const parts: string[] = [];
  let position = start;
  do {
    PART_HERE.lastIndex = ++position;
    const part = PART_HERE.exec(text)?.[0] ?? fail(text, position, "the name of a directory was expected");
    if (/^-+$/.test(part)) fail(text, position, "a directory is named from its disk down");
    position += part.length;
    parts.push(part.toUpperCase());
  } while (text[position] === ".");
  if (text[position] !== "]") fail(text, position, 'a "." or "]" was expected');
  if (position + 1 !== text.length) fail(text, position + 1, "the end was expected");
  while (parts[0] === MASTER_DIRECTORY) parts.shift();
  return { name, parts };
}

function fail(text: string, position: number, problem: string): never {
  const found = text.slice(position, position + 20);
  const message = `Could not read the directory ${JSON.stringify(text)}: ${problem} at character ${position}`;
  throw new CohortError("SYNTAX", `${message}, found ${JSON.stringify(found)}`, { position, found });
}
