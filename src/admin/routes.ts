/** Routes: one table of what can be asked. */
import type { HonoRequest } from "hono";
import { CohortError, isCode } from "../ground/errors.ts";
import type { MountMode } from "../node/mount_options.ts";
import type { Node } from "../node/node.ts";
import { type Fields, readBody } from "./body.ts";
import type { AdminSettings } from "./options.ts";
import type { Places } from "./places.ts";
import { Refusal } from "./problem.ts";
import {
  coherenceOf,
  daemonsOf,
  databasesOf,
  isAlive,
  isReady,
  membersOf,
  recoveryOf,
  statusOf,
  viewOf,
} from "./reading.ts";

/** What a route has to work with. */
export interface Call {
  readonly node: Node;
  readonly settings: AdminSettings;
  readonly places: Places;
  readonly request: HonoRequest;
}

/** One route. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** One line on what it does. */
  readonly summary: string;
  /** True for those that need no token, and say nothing of the cluster. */
  readonly isOpen?: true;
  /** Fields of its body. */
  readonly fields?: Fields;
  /** Answers what becomes JSON; an empty body for undefined. */
  readonly run: (call: Call) => unknown;
}

const MEMBER = { kind: "text" } as const;
const DIRECTORY = { kind: "text", required: true } as const;
const MODES: readonly MountMode[] = ["private", "clustered"];

const MOUNT: Fields = {
  directory: DIRECTORY,
  mode: { kind: MODES },
  create: { kind: "boolean" },
  readOnly: { kind: "boolean" },
  member: MEMBER,
};
const DISMOUNT: Fields = { directory: DIRECTORY, member: MEMBER };
const LEAVE: Fields = { member: MEMBER };

/** All of them, in the order in which they are described. */
export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/livez",
    summary: "200 while the node is worth keeping",
    isOpen: true,
    run: ({ node }) => orNotReady(isAlive(node)),
  },
  {
    method: "GET",
    path: "/readyz",
    summary: "200 while the node reads and writes",
    isOpen: true,
    run: ({ node }) => orNotReady(isReady(node)),
  },
  {
    method: "GET",
    path: "/status",
    summary: "How this node is, and the cluster as it sees it",
    run: ({ node }) => statusOf(node),
  },
  {
    method: "GET",
    path: "/members",
    summary: "Every member, and what it says of itself",
    run: ({ node, places }) => membersOf(node, places.shownWithout),
  },
  {
    method: "GET",
    path: "/view",
    summary: "The view in force",
    run: ({ node }) => viewOf(node),
  },
  {
    method: "GET",
    path: "/databases",
    summary: "Databases that members have mounted",
    run: ({ node, places }) => databasesOf(node, places.shownWithout),
  },
  {
    method: "GET",
    path: "/daemons",
    summary: "What runs for each member in the background",
    run: ({ node, places }) => daemonsOf(node, places.shownWithout),
  },
  {
    method: "GET",
    path: "/coherence",
    summary: "What each member did to keep blocks coherent: grants, revokes, transfers, the hottest blocks",
    run: ({ node, places }) => coherenceOf(node, places.shownWithout),
  },
  {
    method: "GET",
    path: "/recovery",
    summary: "The last recoveries of lost members, and rounds of checkpoints",
    run: ({ node, places }) => recoveryOf(node, places.shownWithout),
  },
  {
    method: "POST",
    path: "/mount",
    summary: "Has this node, or a member, mount a database",
    fields: MOUNT,
    run: mount,
  },
  {
    method: "POST",
    path: "/dismount",
    summary: "Has this node, or a member, dismount a database",
    fields: DISMOUNT,
    run: dismount,
  },
  {
    method: "POST",
    path: "/leave",
    summary: "Has this node, or a member, leave the cluster in good order",
    fields: LEAVE,
    run: leave,
  },
];

function orNotReady(isSo: boolean): undefined {
  if (!isSo) throw new Refusal("NOT_READY");
}

async function mount({ node, settings, places, request }: Call): Promise<unknown> {
  const body = await readBody(request, MOUNT, settings);
  const directory = await places.toMount(String(body.directory));
  const { mode, create, readOnly } = body as { mode?: MountMode; create?: boolean; readOnly?: boolean };
  return await node.administration.mount(memberIn(body), {
    directory,
    ...(mode === undefined ? {} : { mode }),
    ...(create === undefined ? {} : { create }),
    ...(readOnly === undefined ? {} : { readOnly }),
  }, { timeoutMs: settings.requestMs });
}

async function dismount({ node, settings, places, request }: Call): Promise<unknown> {
  const body = await readBody(request, DISMOUNT, settings);
  const directory = await places.named(String(body.directory));
  try {
    await node.administration.dismount(memberIn(body), directory, { timeoutMs: settings.requestMs });
  } catch (error) {
    if (!isCode(error, "NOT_MOUNTED")) throw error;
    // By the name it was asked for: where that leads is nobody's business who has nothing there.
    throw new CohortError("NOT_MOUNTED", `The database ${body.directory} is not mounted here`);
  }
  return { dismounted: directory };
}

async function leave({ node, settings, request }: Call): Promise<unknown> {
  const body = await readBody(request, LEAVE, settings);
  const hasLeft = await node.administration.leave(memberIn(body), { timeoutMs: settings.requestMs });
  return { state: hasLeft ? "left" : "leaving" };
}

function memberIn(body: Readonly<Record<string, unknown>>): string | undefined {
  return typeof body.member === "string" ? body.member : undefined;
}
