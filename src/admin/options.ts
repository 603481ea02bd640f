/** Options of the admin app, checked at the door. */
import { checkOptions, type OptionNames } from "../ground/options.ts";

/** Options of `adminApp`. */
export interface AdminOptions {
  /**
   * The bearer token, 32 to 4096 characters of `A-Z a-z 0-9 - . _ ~ + /` and `=` at its end. By default one
   * that is kept in the PIJ directory for its owner alone, made with the first app: see
   * {@linkcode Administration.accessKey}.
   */
  readonly token?: string;
  /**
   * Hosts that requests may name, `example.org` (any port) or `example.org:8700`; `localhost`, `127.0.0.1`
   * and `[::1]` always. Any other is refused before anything else is looked at: a page could have let its own
   * name lead here (DNS rebinding).
   */
  readonly hosts?: readonly string[];
  /** Origins of pages that may ask, beside the one that is asked itself: `https://ops.example.org`. */
  readonly origins?: readonly string[];
  /**
   * Directories in which `POST /mount` may mount; the PIJ directory by default. A relative directory is
   * looked for in the first.
   */
  readonly roots?: readonly string[];
  /** Most bytes of a body; 65,536 by default. */
  readonly bodyBytesMax?: number;
  /** Most requests at once; 64 by default. */
  readonly requestsMax?: number;
  /**
   * Milliseconds a body may take, and a mount, dismount or leave before it is answered `TIMEOUT`; it goes on
   * then. 10,000 by default.
   */
  readonly requestMs?: number;
}

/** The same with defaults. */
export interface AdminSettings {
  readonly token: string | undefined;
  readonly hosts: ReadonlySet<string>;
  readonly origins: ReadonlySet<string>;
  readonly roots: readonly string[] | undefined;
  readonly bodyBytesMax: number;
  readonly requestsMax: number;
  readonly requestMs: number;
}

/** Their names. */
export const ADMIN_OPTIONS: OptionNames<AdminOptions> = {
  token: true,
  hosts: true,
  origins: true,
  roots: true,
  bodyBytesMax: true,
  requestsMax: true,
  requestMs: true,
};

const OWN_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const TOKEN = /^[\w~+/.-]{32,4096}=*$/;

/** Checks options and fills in defaults. Throws `TypeError` or `RangeError` naming the option. */
export function adminSettingsOf(
  options: AdminOptions,
  names: OptionNames<AdminOptions> = ADMIN_OPTIONS,
): AdminSettings {
  checkOptions(options, names);
  const { token, hosts = [], origins = [], roots } = options;
  if (token !== undefined && (typeof token !== "string" || !TOKEN.test(token))) {
    throw new RangeError("token has 32 to 4096 characters of A-Z a-z 0-9 - . _ ~ + / and = at its end");
  }
  for (const [name, list] of Object.entries({ hosts, origins, roots: roots ?? [] })) {
    if (Array.isArray(list) && list.every((it) => typeof it === "string" && it !== "")) continue;
    throw new TypeError(`${name} is a list of texts, got ${JSON.stringify(list)}`);
  }
  for (const origin of origins) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue;
    throw new RangeError(`origins are like https://example.org, got ${JSON.stringify(origin)}`);
  }
  return {
    token,
    hosts: new Set([...OWN_HOSTS, ...hosts].map((it) => it.toLowerCase())),
    origins: new Set(origins),
    roots,
    bodyBytesMax: whole("bodyBytesMax", options.bodyBytesMax ?? 65_536, 2 ** 24),
    requestsMax: whole("requestsMax", options.requestsMax ?? 64, 65_536),
    requestMs: whole("requestMs", options.requestMs ?? 10_000, 3_600_000),
  };
}

function whole(name: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`${name} is a whole number from 1 to ${most}, got ${value}`);
}
