/** Journal segments and image journals taken apart by their byte layout alone. */
import { crc32 } from "node:zlib";
import type { PagedBytes } from "../pages.ts";

const FRAME_MAGIC = 0x3146_4a43;
const FRAME_HEADER = 56;
const SEGMENT_MAGIC = 0x3153_4a43;
const SEGMENT_FIXED = 96;
const ITEM_GROUP = 1;
const ITEM_VOLUME = 2;
const ID = 16;
const CYCLE_MAGIC = 0x3143_4943;
const ENTRY_MAGIC = 0x3145_4943;
const ENTRIES_AT = 4096;
const ENTRY_HEADER = 64;

/** A block that a journal or an image names, and the stamp it has there. */
export interface NamedBlock {
  /** Path of the volume as a journal has it; its identity as an image has it. */
  readonly volume: string;
  /** The 32 bits that every block of that volume incarnation carries. */
  readonly tag: number;
  readonly block: number;
  readonly stamp: number;
}

interface Table {
  readonly path: string;
  readonly tag: number;
}

/** What the groups of a segment name: each block once, with its highest stamp. */
export function namedBySegment(image: PagedBytes): NamedBlock[] {
  const start = image.word(8);
  const header = image.slice(0, start);
  const view = viewOf(header);
  if (header.length < SEGMENT_FIXED || view.getUint32(0, true) !== SEGMENT_MAGIC) return [];
  const volumes = new Map<number, Table>();
  let at = SEGMENT_FIXED;
  for (let i = view.getUint16(14, true); i > 0; i--) at = readVolume(view, at, volumes);
  const highest = new Map<string, NamedBlock>();
  for (let from = start;;) {
    const frame = frameAt(image, from);
    if (frame === undefined) return [...highest.values()];
    readItems(frame, volumes, highest);
    from += frame.byteLength;
  }
}

/** The whole frame at a place, if there is a sound one. */
function frameAt(image: PagedBytes, at: number): DataView | undefined {
  if (image.word(at) !== FRAME_MAGIC) return undefined;
  const length = image.word(at + 8);
  if (length < FRAME_HEADER || at + length > image.size) return undefined;
  const bytes = image.peek(at, length);
  const view = viewOf(bytes);
  return crc32(bytes.subarray(8)) === view.getUint32(4, true) ? view : undefined;
}

function readItems(frame: DataView, volumes: Map<number, Table>, highest: Map<string, NamedBlock>): void {
  for (let at = FRAME_HEADER; at + 5 <= frame.byteLength;) {
    const length = frame.getUint32(at, true);
    if (length < 5) return;
    const kind = frame.getUint8(at + 4);
    if (kind === ITEM_VOLUME) readVolume(frame, at + 5, volumes);
    if (kind === ITEM_GROUP) readGroup(frame, at + 5, volumes, highest);
    at += length;
  }
}

function readVolume(view: DataView, at: number, volumes: Map<number, Table>): number {
  const pathAt = at + 4 + 2 * ID;
  const end = pathAt + view.getUint16(at + 2, true);
  const path = new TextDecoder().decode(bytesOf(view, pathAt, end));
  volumes.set(view.getUint16(at, true), { path, tag: view.getUint32(at + 4 + ID, true) });
  return end;
}

function readGroup(
  frame: DataView,
  from: number,
  volumes: ReadonlyMap<number, Table>,
  highest: Map<string, NamedBlock>,
): void {
  const stamp = u48(frame, from);
  let at = from + 8;
  for (let i = frame.getUint16(from + 6, true); i > 0; i--) {
    const index = frame.getUint16(at + 1, true);
    const block = frame.getUint32(at + 3, true);
    at += 17 + frame.getUint32(at + 13, true);
    const volume = volumes.get(index);
    if (volume === undefined) continue;
    highest.set(`${index} ${block}`, { volume: volume.path, tag: volume.tag, block, stamp });
  }
}

/** The images of the cycle that an image journal holds. `volume` is the volume's identity, 32 digits. */
export function imagesOf(image: PagedBytes): NamedBlock[] {
  if (image.word(0) !== CYCLE_MAGIC) return [];
  const stride = image.word(60);
  const named: NamedBlock[] = [];
  for (let i = 0; i < image.word(12) && stride > ENTRY_HEADER; i++) {
    const view = viewOf(image.peek(ENTRIES_AT + i * stride, ENTRY_HEADER + 24));
    if (view.byteLength < ENTRY_HEADER + 24 || view.getUint32(0, true) !== ENTRY_MAGIC) continue;
    named.push({
      volume: hex(bytesOf(view, 32, 48)),
      tag: view.getUint32(48, true),
      block: view.getUint32(24, true),
      stamp: u48(view, ENTRY_HEADER + 16),
    });
  }
  return named;
}

/** Identity of a volume, from its first header slot: 32 digits. */
export function identityOf(image: PagedBytes): string {
  return hex(image.slice(60, ID));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((it) => it.toString(16).padStart(2, "0")).join("");
}

function bytesOf(view: DataView, from: number, to: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + from, to - from);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
}
