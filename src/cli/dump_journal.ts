/** Journals and image journals as text. */
import { blockKind, blockLevel } from "../ground/block.ts";
import { OP_FORMAT, OP_MAP_CLEAR, OP_MAP_SET, OP_PUT, OP_REMOVE } from "../ground/block_op.ts";
import { OP_REMOVE_RANGE, OP_TRUNCATE, TO_END } from "../ground/block_op.ts";
import { entryCount } from "../ground/entries.ts";
import { ByteReader } from "../ground/byte_reader.ts";
import { readImage } from "../ground/image.ts";
import type { Storage } from "../ports/mod.ts";
import { scanImages } from "../storage/image_scan.ts";
import type { ScannedGroup } from "../storage/journal_items.ts";
import { scanJournal } from "../storage/journal_scan.ts";
import { imagePath } from "../node/member.ts";
import { keyText, kindName, valueText } from "./dump_text.ts";
import { grouped } from "./terminal.ts";

/** The lines of the journal in `directory`: every group, then what the scan found. */
export async function* journalLines(
  storage: Storage,
  directory: string,
  blockSize: number,
): AsyncIterableIterator<string> {
  const marks: string[] = [];
  const scan = scanJournal(storage, directory, {
    onMark: ({ text, position }) => marks.push(`mark at ${grouped(position)}: ${text}`),
  });
  let volumes = 0;
  yield `journal ${directory}`;
  for await (const group of scan) {
    yield* marks.splice(0);
    for (; volumes < scan.volumes.length; volumes++) {
      const volume = scan.volumes[volumes];
      if (volume !== undefined) {
        yield `volume ${volumes} is ${volume.id}, incarnation ${volume.incarnation}: ${volume.path}`;
      }
    }
    yield* groupLines(group, blockSize);
  }
  yield* marks;
  const report = scan.report;
  if (report === undefined) return;
  yield `${grouped(report.groups)} groups, last stamp ${grouped(report.lastStamp)}, ceiling ${
    grouped(report.ceiling)
  }`;
  yield `ends at ${grouped(report.end)}, names ${grouped(report.named)} as synced, ` +
    `${grouped(report.tailBytesIgnored)} bytes behind the end, ${
      report.closed ? "closed" : "not closed"
    } by its author`;
}

function* groupLines(group: ScannedGroup, blockSize: number): IterableIterator<string> {
  yield `group of stamp ${grouped(group.stamp)}, to ${grouped(group.position)}`;
  for (const { volumeIndex, block, before, ops } of group.records) {
    yield `  block ${block} of volume ${volumeIndex}, stamp before ${grouped(before)}`;
    for (const line of opLines(ops, blockSize)) yield `    ${line}`;
  }
  for (const { requester, sequence, value } of group.results) {
    yield `  answers request ${grouped(sequence)} of ${requester}: ${
      valueText(value, 0, value.length, 0, "")
    }`;
  }
}

/** The operations of one block, in words. */
export function opLines(ops: Uint8Array, blockSize: number): string[] {
  const reader = new ByteReader(ops, "block operations");
  const lines: string[] = [];
  while (reader.remaining > 0) lines.push(opLine(reader, blockSize));
  return lines;
}

function opLine(reader: ByteReader, blockSize: number): string {
  const start = reader.position;
  const op = reader.u8();
  switch (op) {
    case OP_FORMAT:
      return formatLine(reader, blockSize);
    case OP_PUT: {
      const [keyLength, valueLength] = [reader.u16(), reader.u16()];
      const key = keyText(reader.view(keyLength), 0);
      const value = reader.view(valueLength);
      return `put ${key} = ${valueText(value, 0, valueLength, 0, key)}`;
    }
    case OP_REMOVE:
      return `remove ${keyText(reader.view(reader.u16()), 0)}`;
    case OP_REMOVE_RANGE: {
      const [fromLength, toLength] = [reader.u16(), reader.u16()];
      const from = keyText(reader.view(fromLength), 0);
      return `remove from ${from} to ${toLength === TO_END ? "the end" : boundText(reader.view(toLength))}`;
    }
    case OP_TRUNCATE:
      return `truncate, new high key ${boundText(reader.view(reader.u16()))}`;
    case OP_MAP_SET:
    case OP_MAP_CLEAR: {
      const [first, count] = [reader.u16(), reader.u16()];
      return `${op === OP_MAP_SET ? "allocate" : "free"} ${count} from place ${first} of the extent on`;
    }
    default:
      return reader.fail(`operation ${op} is unknown`, start);
  }
}

/** A bound may be the end of a subtree: its key with 01 for the last 00. */
function boundText(bound: Uint8Array): string {
  if (bound.at(-1) !== 0x01) return keyText(bound, 0);
  const key = bound.slice();
  key[key.length - 1] = 0;
  return `the end of ${keyText(key, 0)}`;
}

function formatLine(reader: ByteReader, blockSize: number): string {
  const bytes = new Uint8Array(blockSize);
  readImage(reader, bytes, 0, blockSize);
  return `format as ${kindName(blockKind(bytes, 0))}, level ${blockLevel(bytes, 0)}, count ${
    entryCount(bytes, 0)
  }`;
}

/** The lines of the image journal in `directory`: its last cycle, then every image that verifies. */
export async function* imageLines(storage: Storage, directory: string): AsyncIterableIterator<string> {
  const { state, header, sound, images } = await scanImages(storage, imagePath(directory));
  yield `image journal of ${directory}: ${state}`;
  if (header === undefined) return;
  yield `cycle ${grouped(header.cycle)} of incarnation ${header.incarnation}, ${
    grouped(header.count)
  } images, ` +
    `${grouped(sound)} of them sound`;
  yield `holds everything up to ${grouped(header.position)} (segment ${header.segment}), stamps up to ` +
    grouped(header.stamp);
  for await (const { volumeId, block, stamp, bytes } of images()) {
    yield `  block ${block} of volume ${volumeId}, stamp ${grouped(stamp)}, ${kindName(blockKind(bytes, 0))}`;
  }
}
