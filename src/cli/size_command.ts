/** `cohort size`: what the globals of a database take. */
import { type GlobalSize, sizesOf } from "../global/size.ts";
import { type Command, EXIT_OK, expectPositionals, type Invocation } from "./command.ts";
import { withDatabase } from "./opening.ts";
import { grouped, table } from "./terminal.ts";

/** The command. */
export const sizeCommand: Command = {
  name: "size",
  summary: "tell how many nodes, blocks and bytes each global has",
  usage: "DB [--json]",
  help: `Walks over the blocks of every global of DB. "in use" is the part of its blocks that holds something.

  --json  print the sizes as JSON`,
  options: { json: { type: "boolean" } },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory] = expectPositionals(positionals, 1, 1);
  return await withDatabase(directory!, { access: "read", signal }, terminal, async (database) => {
    const { blockSize, blocks, blocksFree } = database.status;
    const sizes: GlobalSize[] = [];
    for await (const size of sizesOf(database.core, signal)) {
      sizes.push(size);
      terminal.progress(() => `^${size.name}`);
    }
    if (values.json === true) {
      await terminal.print(JSON.stringify({ blockSize, blocks, blocksFree, globals: sizes }));
      return EXIT_OK;
    }
    const rows = sizes.map((it) => rowOf(it, blockSize));
    for (const line of table([["global", "nodes", "blocks", "bytes", "in use"], ...rows])) {
      await terminal.print(line);
    }
    await terminal.print(
      `${grouped(blocks)} blocks of ${grouped(blockSize)} bytes, ${grouped(blocksFree)} of them free: ` +
        `${grouped(blocks * blockSize)} bytes`,
    );
    return EXIT_OK;
  });
}

function rowOf(size: GlobalSize, blockSize: number): string[] {
  const blocks = size.leaves + size.branches + size.valueBlocks;
  const bytes = blocks * blockSize;
  const inUse = bytes === 0 ? "" : `${Math.round(100 * size.usedBytes / bytes)} %`;
  return [`^${size.name}`, grouped(size.nodes), grouped(blocks), grouped(bytes), inUse];
}
