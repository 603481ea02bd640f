/** Places: which directories a request may name. */
import { CohortError } from "../ground/errors.ts";
import type { Administration } from "../node/administration.ts";
import type { AdminSettings } from "./options.ts";
import { Refusal } from "./problem.ts";

/** Most bytes of a part of a path. */
const PART_BYTES_MAX = 255;
/** What a system says of a path that leads through a file, round in a circle, or too far. */
const NO_PATH: ReadonlySet<unknown> = new Set(["ENOTDIR", "ELOOP", "ENAMETOOLONG"]);
/** Directory of a PIJ directory that holds journals. */
const JOURNALS = "journals";

/** Of one app. */
export class Places {
  readonly #administration: Administration;
  readonly #settings: AdminSettings;
  /** What is cut from messages: canonical paths of the roots. */
  readonly shownWithout: string[] = [];
  #roots: Promise<readonly string[]> | undefined;
  #pij: string | undefined;

  constructor(administration: Administration, settings: AdminSettings) {
    this.#administration = administration;
    this.#settings = settings;
  }

  /** Resolves once it is known what messages are told without, as far as that can be known. */
  async ready(): Promise<void> {
    await this.#readRoots().catch(() => {});
  }

  /** The canonical path of a directory to mount. Throws a `Refusal` for one outside of the roots. */
  async toMount(directory: string): Promise<string> {
    const roots = await this.#readRoots();
    const path = await this.named(directory);
    const isInside = roots.some((root) => path.startsWith(root.endsWith("/") ? root : `${root}/`));
    const isOurs = this.#pij !== undefined && `${path}/`.startsWith(`${this.#pij}/${JOURNALS}/`);
    if (isInside && !isOurs) return path;
    throw wrong("The directory is in none that databases may be mounted in");
  }

  /** The canonical path of a directory: a relative one lies in the first root. */
  async named(directory: string): Promise<string> {
    checkParts(directory);
    // A word, a colon and then the end or "[" is a device; any other colon is a letter of a path.
    const isWhole = /^\/|^[\w$-]+:(?:$|\[)/.test(directory);
    const [first] = await this.#readRoots();
    if (!isWhole && first === undefined) throw wrong("The directory is relative, and there are no roots");
    try {
      return await this.#administration.place(isWhole ? directory : `${first}/${directory}`);
    } catch (error) {
      if (error instanceof CohortError && NO_PATH.has(error.facts.errno)) {
        throw wrong("There can be no such directory");
      }
      throw error;
    }
  }

  #readRoots(): Promise<readonly string[]> {
    const reading = this.#roots ??= this.#findRoots();
    reading.catch(() => this.#roots = undefined);
    return reading;
  }

  async #findRoots(): Promise<readonly string[]> {
    this.#pij = await this.#administration.pijDirectory();
    const { roots = this.#pij === undefined ? [] : [this.#pij] } = this.#settings;
    const found = await Promise.all(roots.map((it) => this.#administration.place(it)));
    // The longest first: of two that lie in each other the inner one is cut.
    this.shownWithout.splice(0, Infinity, ...[...found].sort((a, b) => b.length - a.length));
    return found;
  }
}

/** Refuses what has no one spelling, or means something to a file system. */
function checkParts(directory: string): void {
  if (directory !== directory.normalize("NFC")) throw wrong("The directory is not in the normal form NFC");
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f\\]/.test(directory)) {
    throw wrong("The directory has a control character or a backslash");
  }
  for (const part of directory.split("/")) {
    if (/^\.{1,2}$|[. ]$/.test(part)) throw wrong("A part of the directory ends with a dot or a space");
    if (new TextEncoder().encode(part).length > PART_BYTES_MAX) {
      throw wrong(`A part of the directory has more than ${PART_BYTES_MAX} bytes`);
    }
  }
}

function wrong(detail: string): Refusal {
  return new Refusal("BAD_FIELD", detail, { pointer: "/directory" });
}
