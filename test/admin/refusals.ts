/**
 * What an admin app has to refuse, tried on every route it has: without token, with a wrong one, with a
 * foreign host, by another method, with a bad or an oversized body. Whoever asks is given: the app itself, or
 * curl and a server.
 */
import { type Route, ROUTES } from "../../src/admin/routes.ts";

/** What is asked. */
export interface Asked {
  readonly method: string;
  /** From the app's prefix on. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
}

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Asks the app under test. */
export type Ask = (asked: Asked) => Promise<Answered>;

/** One refusal that is wanted. */
interface Case extends Asked {
  readonly name: string;
  readonly status: number;
  /** Header that has to be there. */
  readonly wants?: string;
}

/** What came of all. */
export interface Refusals {
  readonly tried: number;
  /** Those of them that were not refused as they should. */
  readonly failed: number;
  /** One line each. */
  readonly faults: string[];
}

const JSON_TYPE = { "Content-Type": "application/json" };
const FOREIGN_HOSTS = [
  "evil.example",
  "evil.example:8700",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "127.0.0.1:8700:8700",
  "[::1].evil.example",
];

/** Tries them all, or one of `share`; `secrets` are texts that no refusal may tell. */
export async function refusals(
  ask: Ask,
  token: string,
  secrets: readonly string[],
  share: number = 1,
): Promise<Refusals> {
  const faults: string[] = [];
  const cases = ROUTES.flatMap((route) => casesOf(route, token)).filter((_, at) => at % share === 0);
  const unauthorized = new Set<string>();
  let failed = 0;
  for (const it of cases) {
    const answer = await ask(it);
    const found = faultsOf(it, answer, secrets);
    if (found.length > 0) failed++;
    faults.push(...found.map((fault) => `${it.method} ${it.path}, ${it.name}: ${fault}`));
    if (it.status === 401) unauthorized.add(answer.text);
  }
  if (unauthorized.size > 1) faults.push("a wrong token is told from a missing one");
  return { tried: cases.length, failed, faults };
}

function faultsOf(it: Case, answer: Answered, secrets: readonly string[]): string[] {
  const faults: string[] = [];
  if (answer.status !== it.status) faults.push(`${answer.status} in place of ${it.status}: ${answer.text}`);
  const type = answer.headers.get("content-type");
  if (type !== "application/problem+json") faults.push(`its type is ${type}`);
  if (it.wants !== undefined && !answer.headers.has(it.wants)) faults.push(`${it.wants} is missing`);
  const told = secrets.find((secret) => answer.text.includes(secret));
  if (told !== undefined) faults.push(`it tells ${told}`);
  if (it.method !== "HEAD") faults.push(...documentFaults(answer));
  return faults;
}

function documentFaults({ text, status }: Answered): string[] {
  try {
    const problem = JSON.parse(text);
    const isWhole = typeof problem.title === "string" && typeof problem.code === "string" &&
      /^urn:cohort:problem:[a-z-]+$/.test(problem.type) && problem.status === status &&
      typeof problem.retryable === "boolean";
    return isWhole ? [] : [`it is no whole problem: ${text}`];
  } catch {
    return [`it is no JSON: ${text.slice(0, 100)}`];
  }
}

function casesOf(route: Route, token: string): Case[] {
  const { method, path } = route;
  const right = { Authorization: `Bearer ${token}` };
  const good = { method, path, headers: { ...right, ...(method === "POST" ? JSON_TYPE : {}) } };
  const body = method === "POST" ? "{}" : undefined;
  const cases: Case[] = FOREIGN_HOSTS.map((host) => ({
    ...good,
    name: `host ${host}`,
    headers: { ...good.headers, Host: host },
    body,
    status: 421,
  }));
  if (!route.isOpen) {
    for (const [name, headers] of Object.entries(wrongTokens(token))) {
      const { Authorization: _, ...others } = good.headers;
      cases.push({
        ...good,
        name,
        headers: { ...others, ...headers },
        body,
        status: 401,
        wants: "www-authenticate",
      });
    }
  }
  const other = method === "POST" ? "GET" : "DELETE";
  cases.push({ ...good, method: other, name: `by ${other}`, status: 405, wants: "allow" });
  cases.push({ ...good, path: `${path}?${"x".repeat(2_100)}`, name: "a long address", body, status: 414 });
  if (method === "POST") cases.push(...bodyCases(route, good));
  return cases;
}

function wrongTokens(token: string): Record<string, Record<string, string>> {
  const last = token.endsWith("0") ? "1" : "0";
  return {
    "no token": {},
    "an empty token": { Authorization: "Bearer" },
    "another token": { Authorization: `Bearer ${"a".repeat(token.length)}` },
    "its last letter wrong": { Authorization: `Bearer ${token.slice(0, -1)}${last}` },
    "its beginning": { Authorization: `Bearer ${token.slice(0, -1)}` },
    "more than it": { Authorization: `Bearer ${token}0` },
    "it and another": { Authorization: `Bearer ${token} ${token}` },
    "another scheme": { Authorization: `Basic ${btoa(`admin:${token}`)}` },
    "no scheme": { Authorization: token },
    "it in a cookie": { Cookie: `token=${token}` },
  };
}

function bodyCases({ path, fields = {} }: Route, good: Pick<Case, "method" | "path" | "headers">): Case[] {
  const cases: Case[] = [];
  const add = (name: string, status: number, body: Uint8Array | string | undefined, more = {}): void => {
    cases.push({ ...good, name, body, status, headers: { ...good.headers, ...more } });
  };
  add("no body", 400, undefined);
  for (const text of ["", "{", "{}{}", "nul", "[".repeat(60_000), "{'a':1}"]) {
    add(`the body ${text.slice(0, 10)}`, 400, text);
  }
  add("a body that is no UTF-8", 400, new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
  for (const text of ["[]", "null", "1", '"text"', "true"]) add(`the body ${text}`, 422, text);
  for (const name of ["nothing", "__proto__", "constructor", "DIRECTORY", "a/b~c"]) {
    add(`a field ${name}`, 422, `{${JSON.stringify(name)}: "x", "directory": "x"}`);
  }
  for (
    const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
      "application/jsonp",
    ]
  ) {
    add(`the type ${type}`, 415, "{}", { "Content-Type": type });
  }
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", "x"]) {
    add(`a page of ${origin}`, 403, "{}", { Origin: origin });
  }
  add("an oversized body", 413, JSON.stringify({ directory: "x".repeat(70_000) }));
  add("an oversized body in chunks", 413, JSON.stringify({ directory: "x".repeat(70_000) }), {
    "Transfer-Encoding": "chunked",
  });
  for (const [name, { kind }] of Object.entries(fields)) {
    const wrong = [1, null, [], {}, kind === "boolean" ? "true" : false, ...(kind === "boolean" ? [] : [""])];
    for (const value of wrong) {
      add(`${name} ${JSON.stringify(value)}`, 422, JSON.stringify({ directory: "x", ...{ [name]: value } }));
    }
  }
  if (path === "/mount") {
    for (const directory of OUTSIDE) {
      add(`the directory ${JSON.stringify(directory)}`, 422, JSON.stringify({ directory }));
    }
  }
  return cases;
}

/** What may not be mounted. */
const OUTSIDE = [
  "/etc",
  "/",
  ".",
  "..",
  "../elsewhere",
  "hr/../../elsewhere",
  "hr/..",
  "hr\u0000",
  "hr\n",
  "hr\\x",
  "hr.",
  "hr ",
  "hr/cohort.dat/x",
  "e\u0301",
  "journals",
  "journals/x",
  "x".repeat(256),
];
