/**
 * The acceptance suite of Interconnect: every promise of the port that two or three members can see of each
 * other, as a named test.
 *
 * ```ts ignore
 * import { interconnectSuite } from "@cohort/db/testing";
 * import { test } from "bun:test";
 * interconnectSuite({ name: "mine", test, make: () => ({ interconnect, nowhere, dispose }) });
 * ```
 */
import type { Answer } from "../ports/answer.ts";
import type {
  Interconnect,
  InterconnectPeer,
  InterconnectReceiver,
  InterconnectSelf,
} from "../ports/interconnect.ts";
import { expect, expectEqual, type TestFunction } from "./expect.ts";
import { linkTests } from "./suites/link_tests.ts";
import { messageTests } from "./suites/message_tests.ts";

/** What one test gets: interconnects that can reach each other. */
export interface InterconnectsUnderTest {
  /** A new one, not open yet; the test closes it. */
  interconnect(): Interconnect;
  /** A well-formed address where nobody is. */
  readonly nowhere: string;
  /** Lets some milliseconds of the interconnects' time pass. */
  pass(ms: number): Promise<void>;
  /** Removes what the test left. */
  dispose(): Answer<void>;
}

/** Options of {@linkcode interconnectSuite}. */
export interface InterconnectSuiteOptions {
  /** Leads the name of each test. */
  readonly name: string;
  /** Called once a test. */
  make(): Answer<InterconnectsUnderTest>;
  /** The runner's own. */
  readonly test: TestFunction;
}

/** A member of a test: its interconnect, and all that it heard. */
export class SuiteMember implements InterconnectReceiver {
  readonly self: InterconnectSelf;
  readonly links: Interconnect;
  /** Messages, each with a copy of its bytes. */
  readonly heard: { readonly from: InterconnectPeer; readonly bytes: Uint8Array }[] = [];
  /** `up NAME` and `down NAME`, in order. */
  readonly changes: string[] = [];
  /** Reasons of the ends. */
  readonly reasons: string[] = [];
  /** Called for each message, before it is noted. */
  onMessage: ((from: InterconnectPeer, bytes: Uint8Array) => void) | undefined;
  /** Its address, once it is open. */
  address = "";

  constructor(self: InterconnectSelf, links: Interconnect) {
    this.self = self;
    this.links = links;
  }

  message(from: InterconnectPeer, bytes: Uint8Array): void {
    this.onMessage?.(from, bytes);
    this.heard.push({ from, bytes: bytes.slice() });
  }

  up(peer: InterconnectPeer): void {
    this.changes.push(`up ${peer.name}`);
  }

  down(peer: InterconnectPeer, reason: string): void {
    this.changes.push(`down ${peer.name}`);
    this.reasons.push(reason);
  }
}

/** Makes members of one test. */
export type MakeMember = (name: string, change?: Partial<InterconnectSelf>) => Promise<SuiteMember>;

/** What a test of the suite works with. */
export interface InterconnectScene {
  readonly member: MakeMember;
  /** A well-formed address where nobody is. */
  readonly nowhere: string;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  /** Waits until a condition holds, which must be soon. */
  soon(condition: () => boolean, what: string): Promise<void>;
  /** Links two members; the first one calls. */
  link(a: SuiteMember, b: SuiteMember): Promise<void>;
}

/** A test of the suite. */
export type InterconnectTest = (scene: InterconnectScene) => Promise<void>;

/** Registers a test of the suite. */
export type InterconnectCheck = (name: string, run: InterconnectTest) => void;

/** The cluster of all members that are not told otherwise. */
const CLUSTER = "c0".repeat(16);
/** What the members of a test share. */
const SECRET: Uint8Array = new TextEncoder().encode("a secret of the suite, 32 bytes!");
/** Milliseconds that something which must happen may take. */
const PATIENCE_MS = 5_000;

/** Registers all tests of the suite with the runner. */
export function interconnectSuite(options: InterconnectSuiteOptions): void {
  const check: InterconnectCheck = (name, run) => {
    options.test(`${options.name} interconnect: ${name}`, async () => {
      const made = await options.make();
      const members: SuiteMember[] = [];
      const member: MakeMember = async (memberName, change = {}) => {
        const self = {
          cluster: CLUSTER,
          name: memberName,
          incarnation: incarnationOf(members.length + 1),
          epoch: members.length,
          secret: SECRET,
          versions: { least: 1, most: 3 },
          ...change,
        };
        const one = new SuiteMember(self, made.interconnect());
        members.push(one);
        one.address = await one.links.open(self, one);
        return one;
      };
      try {
        await run({ member, nowhere: made.nowhere, ...waitsOf((ms) => made.pass(ms)) });
      } finally {
        for (const { links } of members) await closeOnce(links);
        await made.dispose();
      }
    });
  };
  linkTests(check);
  messageTests(check);
}

/** Incarnations rise with the numbers. */
export function incarnationOf(number: number): string {
  return number.toString(16).padStart(32, "0");
}

/** How one test waits, with the time of its interconnects. */
function waitsOf(pass: (ms: number) => Promise<void>): Pick<InterconnectScene, "pass" | "soon" | "link"> {
  const soon = async (condition: () => boolean, what: string): Promise<void> => {
    for (let passed = 0; passed < PATIENCE_MS && !condition(); passed += 2) await pass(2);
    expect(condition(), `${what} within ${PATIENCE_MS} ms`);
  };
  const link = async (a: SuiteMember, b: SuiteMember): Promise<void> => {
    const peer = await a.links.connect(b.address);
    expectEqual(peer.incarnation, b.self.incarnation, "who answered");
    await soon(() => b.changes.includes(`up ${a.self.name}`), `${b.self.name} hears of ${a.self.name}`);
  };
  return { pass, soon, link };
}

async function closeOnce(links: Interconnect): Promise<void> {
  try {
    await links.close();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CLOSED") throw error;
  }
}
