/** Body: a JSON object of known fields, read up to a bound of bytes and of time. */
import type { HonoRequest } from "hono";
import type { AdminSettings } from "./options.ts";
import { Refusal } from "./problem.ts";

/** What a field may be. */
export type FieldKind = "text" | "boolean" | readonly string[];

/** Fields of a body: their kinds; `required` must be there. */
export interface Fields {
  readonly [name: string]: { readonly kind: FieldKind; readonly required?: boolean };
}

/** Longest text in a field, in characters. */
const TEXT_MAX = 4_096;

/** Reads and checks a body. Throws a `Refusal` that says what is wrong with it, and where. */
export async function readBody(
  request: HonoRequest,
  fields: Fields,
  settings: AdminSettings,
): Promise<Readonly<Record<string, string | boolean | undefined>>> {
  const type = request.header("content-type") ?? "";
  if (!/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) throw new Refusal("NOT_JSON");
  const body = parsed(await readText(request, settings));
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Refusal("BAD_FIELD", "The body is to be an object", { pointer: "" });
  }
  for (const name of Object.keys(body)) {
    if (Object.hasOwn(fields, name)) continue;
    const known = Object.keys(fields).join(", ");
    throw wrong(name, `There is no such field; there are: ${known}`);
  }
  const found: Record<string, string | boolean | undefined> = {};
  for (const [name, { kind, required = false }] of Object.entries(fields)) {
    const value: unknown = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
    if (value === undefined && required) throw wrong(name, "The field is missing");
    if (value !== undefined) found[name] = checked(name, value, kind);
  }
  return found;
}

function checked(name: string, value: unknown, kind: FieldKind): string | boolean {
  if (kind === "boolean") {
    if (typeof value === "boolean") return value;
    throw wrong(name, "The field is to be true or false");
  }
  if (typeof value !== "string") throw wrong(name, "The field is to be a text");
  if (kind === "text") {
    if (value !== "" && value.length <= TEXT_MAX && value.isWellFormed()) return value;
    throw wrong(name, `The field is to be a text of 1 to ${TEXT_MAX} characters`);
  }
  if (kind.includes(value)) return value;
  throw wrong(name, `The field is to be one of: ${kind.join(", ")}`);
}

function wrong(name: string, detail: string): Refusal {
  return new Refusal("BAD_FIELD", detail, {
    pointer: `/${name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("BAD_JSON");
  }
}

/** The text of a body; the bytes are counted as they come, whatever the request says that there are. */
async function readText(request: HonoRequest, settings: AdminSettings): Promise<string> {
  const { raw } = request;
  const { bodyBytesMax, requestMs } = settings;
  const large = (): Refusal => new Refusal("BODY_TOO_LARGE", `A body has at most ${bodyBytesMax} bytes`);
  if (Number(raw.headers.get("content-length") ?? 0) > bodyBytesMax) throw large();
  if (raw.bodyUsed) {
    // Somebody in front of this app has read it, and Hono kept it.
    const kept = await request.text();
    if (kept.length > bodyBytesMax) throw large();
    return kept;
  }
  if (raw.body === null) throw new Refusal("BAD_JSON");
  const reader = raw.body.getReader();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Refusal("SLOW_REQUEST")), requestMs);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) break;
      bytes += value.length;
      if (bytes > bodyBytesMax) throw large();
      chunks.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
    late.promise.catch(() => {});
  }
  return decoded(chunks, bytes);
}

function decoded(chunks: readonly Uint8Array[], bytes: number): string {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(whole);
  } catch {
    throw new Refusal("BAD_JSON", "The body is not UTF-8");
  }
}
