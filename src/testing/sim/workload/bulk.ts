/**
 * What clients do with whole parts of a global: import of some dozens of nodes from a text, export, sizes,
 * names, references by text. Killing what was imported cuts whole subtrees off.
 */
import { type AtomKey, type Subscript, textOfKey } from "../model/collation.ts";
import { textOfValue } from "../model/values.ts";
import type { Prng } from "../prng.ts";
import { attempt, type ClientContext } from "./calls.ts";
import type { Place, Region } from "./region.ts";
import type { SubjectDatabase, SubjectFormat } from "./subject.ts";
import { headerText, nodesOf, recordText, referenceText } from "./texts.ts";

/** Level under which imports write. */
export const BULK = "bulk";
/** Subtrees under it. */
export const BULK_TREES = 3;
/** Characters of an export that are looked at. */
const EXPORT_CHARS_MAX = 300_000;
const FORMATS: readonly SubjectFormat[] = ["zwr", "go", "jsonl"];

/** What these need of a client. */
export interface BulkClient {
  readonly name: string;
  readonly region: Region;
  readonly chance: Prng;
  /** The database of a place, and where it lies. */
  readonly database: (
    context: ClientContext,
    place: Place,
  ) => { database: SubjectDatabase; directory: string };
}

/** Something in the text that is no record. */
const NO_RECORD: Readonly<Record<SubjectFormat, string>> = {
  zwr: '^Broken(1="x"\n',
  go: "^Broken(1\nx\n",
  jsonl: '{"global":"Broken","subscripts":[1]}\n',
};

/**
 * Imports nodes. They are set in their order: whenever it ends, a beginning of them is there, and each is an
 * effect of its own.
 */
export async function importSome(context: ClientContext, client: BulkClient): Promise<void> {
  const { region, chance } = client;
  const at = chance.below(region.places.length);
  const place = region.places[at] as Place;
  const format = chance.pick(FORMATS);
  const tree = [BULK, chance.below(BULK_TREES)];
  const count = chance.between(8, 60);
  const first = 100 + chance.below(100);
  // Long keys make branches of few children, and trees of many levels.
  const long = chance.chance(1, 3) ? "l".repeat(220) : undefined;
  const length = chance.pick([10, 300, 1100]);
  const lines: string[] = [headerText(format)];
  const broken = chance.chance(1, 4) ? chance.below(count) : -1;
  const refused = new Set<number>();
  let line = format === "jsonl" ? 1 : 3;
  let brokenLine = 0;
  /** Effect by line. */
  const byLine = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    if (i === broken) {
      lines.push(NO_RECORD[format]);
      brokenLine = line;
      line += format === "go" ? 2 : 1;
    }
    const subscripts = [...tree, long === undefined ? first + i : `${long}${first + i}`];
    const value = `${region.name}.${region.serial()}"${".".repeat(length)}`;
    lines.push(recordText(format, place.global, region.subscripts(at, subscripts), value));
    byLine.set(line, i);
    line += format === "go" ? 2 : 1;
    const key = region.key(at, subscripts);
    region.begin({
      apply: (model) => refused.has(i) ? [] : model.set(key, value),
      called: context.history.tick(),
      acknowledged: undefined,
      name: `import of ${textOfKey(key)}`,
      elements: [],
    });
  }
  const bad: number[] = [];
  const onBadRecord = ({ line, problem }: { readonly line: number; readonly problem: Error }) => {
    const effect = byLine.get(line);
    if (effect === undefined) bad.push(line);
    else if ("code" in problem && problem.code === "TRANSACTION_TOO_LARGE") refused.add(effect);
    else context.history.problems.add("model", `${client.name}: import: line ${line}: ${problem.message}`);
  };
  const name = `import ${count} ${format} ^${place.global}(${tree})@${place.database}`;
  const { database } = client.database(context, place);
  const ended = await attempt(
    context,
    client.name,
    name,
    () => database.importText(chunksOf(context, chance, lines.join("")), { onBadRecord }),
    (report) => `${report.records} ${report.badRecords}`,
  );
  // What failed may have set some of them: the next look tells.
  if (ended.kind !== "done") return;
  region.settle(context.history.tick());
  const { records, badRecords } = ended.value;
  const expected = broken < 0 ? [] : [brokenLine];
  if (records !== count - refused.size || String(bad) !== String(expected)) {
    const text = `${records} records, ${badRecords} bad at ${bad}, not ${count} and ${expected}`;
    context.history.problems.add("model", `${client.name}: ${name}: ${text}`);
  }
}

/** The text in pieces, some of them late. */
async function* chunksOf(context: ClientContext, chance: Prng, text: string): AsyncIterable<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const piece = chance.pick([700, 5_000, 100_000]);
  for (let at = 0; at < bytes.length; at += piece) {
    if (chance.chance(1, 4)) await context.host.scheduler.sleep(chance.below(3000), context.process);
    yield bytes.slice(at, at + piece);
  }
}

/** Looks at a whole global of the client in one of several ways. */
export async function lookAtAll(context: ClientContext, client: BulkClient): Promise<void> {
  const { region, chance } = client;
  const at = chance.below(region.places.length);
  switch (chance.weighted([2, 2, 3, 3])) {
    case 0:
      return await lookAtNames(context, client, at);
    case 1:
      return await lookAtSize(context, client, at);
    case 2:
      return await lookByText(context, client, at);
    default:
      return await exportSome(context, client, at);
  }
}

async function lookAtNames(context: ClientContext, client: BulkClient, at: number): Promise<void> {
  const place = client.region.places[at] as Place;
  const { database } = client.database(context, place);
  const isThere = client.region.model.within(client.region.key(at, [])).length > 0;
  const ended = await attempt(context, client.name, `names ${place.database}`, async () => {
    const names: string[] = [];
    for await (const name of database.names()) names.push(name);
    return { names, has: await database.has(place.global) };
  }, ({ names }) => names.join());
  if (ended.kind !== "done") return;
  const { names, has } = ended.value;
  const isInOrder = names.every((name, i) => i === 0 || (names[i - 1] as string) < name);
  const isRight = isInOrder && (!isThere || (has && names.includes(place.global)));
  if (isRight) return;
  const text = `^${place.global} ${isThere ? "is" : "may not be"} there, has ${has}, names ${names}`;
  context.history.problems.add("model", `${client.name}: ${text}`);
}

async function lookAtSize(context: ClientContext, client: BulkClient, at: number): Promise<void> {
  const place = client.region.places[at] as Place;
  const { database } = client.database(context, place);
  const expected = client.region.model.within(client.region.key(at, [])).length;
  const ended = await attempt(context, client.name, `size ^${place.global}@${place.database}`, async () => {
    for await (const { name, nodes } of database.sizes()) if (name === place.global) return nodes;
    return 0;
  });
  if (ended.kind !== "done" || ended.value === expected) return;
  // Other clients have parts of a common global: they add nodes, and split leaves that the walk has passed.
  if (place.prefix.length > 0) return;
  const text = `^${place.global} has ${ended.value} nodes, not ${expected}`;
  context.history.problems.add("model", `${client.name}: ${text}`);
}

/** Reads a node by the text of its reference, in the engine's spelling and in our own. */
async function lookByText(context: ClientContext, client: BulkClient, at: number): Promise<void> {
  const { region, chance } = client;
  const place = region.places[at] as Place;
  const nodes = region.model.within(region.key(at, []));
  if (nodes.length === 0) return;
  const { key, text } = chance.pick(nodes);
  const subscripts = region.subscripts(at, key.slice(1).map((atom) => atom.text));
  const { database, directory } = client.database(context, place);
  const ours = chance.chance(1, 2);
  const reference = ours
    ? referenceText(place.global, subscripts, directory)
    : database.global(place.global).ref(subscripts).toString();
  const ended = await attempt(context, client.name, `resolve ${reference}`, async () => {
    const found = await context.node.resolve(reference);
    return textOfValue(await found.global.get(found.subscripts));
  });
  if (ended.kind !== "done" || ended.value === text) return;
  context.history.problems.add("model", `${client.name}: ${reference} is ${ended.value}, not ${text}`);
}

/** Exports a global, or its beginning, and holds every line against the model. */
async function exportSome(context: ClientContext, client: BulkClient, at: number): Promise<void> {
  const { region, chance } = client;
  const place = region.places[at] as Place;
  const format = chance.pick(FORMATS);
  const { database } = client.database(context, place);
  const nodes = region.model.within(region.key(at, []));
  let isWhole = true;
  const name = `export ${format} ^${place.global}@${place.database}`;
  const ended = await attempt(context, client.name, name, async () => {
    const decoder = new TextDecoder();
    let text = "";
    const chunks = database.exportText({ format, globals: [place.global], noMForm: "jsonl" });
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true });
      isWhole = text.length < EXPORT_CHARS_MAX;
      if (!isWhole) break;
    }
    return text;
  }, (text) => String(text.length));
  if (ended.kind !== "done") return;
  const wrong = compareText(format, ended.value, isWhole, nodes, region.subscripts(at, []), place);
  if (wrong !== undefined) context.history.problems.add("model", `${client.name}: ${name}: ${wrong}`);
}

function compareText(
  format: SubjectFormat,
  text: string,
  isWhole: boolean,
  nodes: ReturnType<Region["model"]["within"]>,
  prefix: readonly Subscript[],
  place: Place,
): string | undefined {
  const depth = prefix.length;
  let next = 0;
  for (const found of nodesOf(format, text)) {
    if (found.name !== place.global) return `^${found.name} is in it`;
    if (depth > 0 && !isBelow(found.key, prefix)) continue;
    const entry = nodes[next++];
    const at = textOfKey(found.key.slice(depth));
    if (entry === undefined) return `(${at}) is in it, which is not there`;
    if (textOfKey(entry.key.slice(1)) !== at) {
      return `(${at}) is in it, not (${textOfKey(entry.key.slice(1))})`;
    }
    if (!found.holds(entry.value)) return `(${at}) is another value than ${entry.text.slice(0, 100)}`;
  }
  if (!isWhole || next === nodes.length) return undefined;
  return `${next} of ${nodes.length} nodes are in it`;
}

function isBelow(key: AtomKey, prefix: readonly Subscript[]): boolean {
  return prefix.every((subscript, i) => key[i]?.text === String(subscript));
}
