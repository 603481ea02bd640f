/** One block as text: its header field by field, then what its kind holds. */
import {
  AT_CHECKSUM,
  AT_DEAD,
  AT_FLAGS,
  AT_FORMAT,
  AT_HEAP_LOW,
  AT_PAYLOAD_LENGTH,
  AT_PREFIX_LENGTH,
  blockCount,
  blockKind,
  blockLevel,
  blockNumber,
  blockStamp,
  blockTree,
  isBlank,
  KIND_BRANCH,
  KIND_HEADER,
  KIND_LEAF,
  KIND_MAP,
  KIND_VALUE,
  verifyBlock,
  volumeTag,
} from "../ground/block.ts";
import { getU16, getU32 } from "../ground/bytes.ts";
import {
  childAt,
  entryCount,
  highInto,
  keyInto,
  lowInto,
  valueLength,
  valueOffset,
} from "../ground/entries.ts";
import { checkEntries } from "../ground/entries_check.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { mapBitsMax, mapIsSet } from "../ground/space_map.ts";
import { payloadLength, payloadOffset } from "../ground/value_block.ts";
import { decodeVolumeHeader } from "../storage/volume_header.ts";
import { hex, keyText, kindName, list, treeName, valueText } from "./dump_text.ts";
import { grouped, table } from "./terminal.ts";

const SAMPLE_BYTES = 64;

/** The lines of a whole block that was read as block `number` of a volume with this tag. */
export function blockLines(bytes: Uint8Array, number: number, tag: number): string[] {
  if (isBlank(bytes, 0, bytes.length)) return [`block ${number} is blank: it was never written`];
  const fault = verifyBlock(bytes, 0, bytes.length, number, tag);
  const lines = [
    `block ${number}: ${fault === undefined ? "sound" : `DAMAGED: ${fault}`}`,
    ...headerLines(bytes),
  ];
  return [...lines, ...contentLines(bytes, number)];
}

function headerLines(bytes: Uint8Array): string[] {
  const tree = blockTree(bytes, 0);
  const rows = [
    ["checksum", getU32(bytes, AT_CHECKSUM).toString(16).padStart(8, "0")],
    ["format", String(bytes[AT_FORMAT])],
    ["kind", `${blockKind(bytes, 0)} (${kindName(blockKind(bytes, 0))})`],
    ["level", String(blockLevel(bytes, 0))],
    ["flags", String(bytes[AT_FLAGS])],
    ["block", String(blockNumber(bytes, 0))],
    ["tree", `${tree} (${treeName(tree)})`],
    ["stamp", grouped(blockStamp(bytes, 0))],
    ["count", grouped(blockCount(bytes, 0))],
    ["volume tag", volumeTag(bytes, 0).toString(16).padStart(8, "0")],
    ["heap low", String(getU16(bytes, AT_HEAP_LOW))],
    ["dead bytes", String(getU16(bytes, AT_DEAD))],
    ["prefix bytes", String(getU16(bytes, AT_PREFIX_LENGTH))],
    ["payload bytes", String(getU16(bytes, AT_PAYLOAD_LENGTH))],
  ];
  return rows.map(([name, value]) => `  ${name!.padEnd(14)}${value}`);
}

function contentLines(bytes: Uint8Array, number: number): string[] {
  switch (blockKind(bytes, 0)) {
    case KIND_LEAF:
    case KIND_BRANCH:
      return entryLines(bytes);
    case KIND_MAP:
      return mapLines(bytes);
    case KIND_VALUE: {
      const from = payloadOffset(0);
      const length = Math.min(payloadLength(bytes, 0), bytes.length - from);
      return [`payload begins ${hex(bytes.subarray(from, from + Math.min(length, SAMPLE_BYTES)))}`];
    }
    case KIND_HEADER: {
      const header = decodeVolumeHeader(bytes, number);
      if (header === undefined) return ["no valid volume header"];
      return Object.entries(header).map(([name, value]) => `  ${name.padEnd(14)}${value}`);
    }
    default:
      return [];
  }
}

/** The entries of a leaf or branch. One that is not sound is not walked through. */
function entryLines(bytes: Uint8Array): string[] {
  const fault = checkEntries(bytes, 0, bytes.length);
  if (fault !== undefined) return [`entries not shown: ${fault}`];
  const tree = blockTree(bytes, 0);
  const key = new Uint8Array(KEY_BYTES_MAX);
  const low = keyText(key.subarray(0, lowInto(bytes, 0, key)), tree);
  const highLength = highInto(bytes, 0, key);
  const high = highLength < 0 ? "no end" : keyText(key.subarray(0, highLength), tree);
  const isBranch = blockKind(bytes, 0) === KIND_BRANCH;
  const lines = [`from ${low} to ${high}`];
  for (let i = 0; i < entryCount(bytes, 0); i++) {
    const text = keyText(key.slice(0, keyInto(bytes, 0, i, key)), tree);
    const at = valueOffset(bytes, 0, i);
    const value = isBranch
      ? `block ${childAt(bytes, 0, i)}`
      : valueText(bytes, at, at + valueLength(bytes, 0, i), tree, text);
    lines.push(`  ${i}  ${text} ${isBranch ? "->" : "="} ${value}`);
  }
  return lines;
}

function mapLines(bytes: Uint8Array): string[] {
  const used: number[] = [];
  const bits = mapBitsMax(bytes.length);
  for (let bit = 0; bit < bits; bit++) if (mapIsSet(bytes, 0, bit)) used.push(bit);
  return table([["used, by place in the extent", list(used)]]);
}
