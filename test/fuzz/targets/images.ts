/** Image journals in files, and volume headers. */
import { crc32 } from "node:zlib";
import { HEADER_BYTES, sealBlock, setBlockStamp } from "../../../src/ground/block.ts";
import { putU32 } from "../../../src/ground/bytes.ts";
import type { ErrorCode } from "../../../src/ground/errors.ts";
import {
  decodeCycle,
  decodeRelease,
  ENTRY_BYTES,
  getEntry,
  IMAGE_HEADER_BYTES,
} from "../../../src/storage/image_format.ts";
import { ImageJournal } from "../../../src/storage/image_journal.ts";
import { scanImages, type StoredImage } from "../../../src/storage/image_scan.ts";
import {
  encodeVolumeHeader,
  initialImage,
  newestHeader,
  probeBlockSize,
  type VolumeHeader,
} from "../../../src/storage/volume_header.ts";
import { INCARNATION, VOLUME } from "../../storage/journal_rig.ts";
import { RigClock, RigFile, RigStorage } from "../../storage/rig.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerLater, answerOf, find } from "../judge.ts";
import { damageByte, garbage, spoil } from "../mutate.ts";

const PATH = "base/image";
const CODES: readonly ErrorCode[] = ["CORRUPT", "FORMAT_NEWER"];
const BLOCK_BYTES = 512;
const STRIDE = ENTRY_BYTES + BLOCK_BYTES;
const IMAGES_A_CYCLE = 5;

/** An image journal as its bytes are, and whether its last cycle was released. */
interface SampleImages {
  readonly bytes: Uint8Array;
  readonly released: boolean;
  /** Every image of the last cycle as text. */
  readonly images: ReadonlySet<string>;
}

async function makeSamples(): Promise<SampleImages[]> {
  const samples: SampleImages[] = [];
  for (const released of [false, true]) {
    const storage = new RigStorage();
    const images = await ImageJournal.open({
      storage,
      clock: new RigClock(),
      path: PATH,
      incarnation: INCARNATION,
      blocksMax: 100,
      reserveBytes: 512,
    });
    for (let cycle = 1; cycle <= 2; cycle++) {
      const entries = Array.from({ length: IMAGES_A_CYCLE }, (_, block) => {
        const bytes = new Uint8Array(BLOCK_BYTES).fill(block + 10 * cycle);
        setBlockStamp(bytes, 0, 100 * cycle + block);
        return { volumeId: VOLUME, volumeIncarnation: INCARNATION, block, bytes };
      });
      await images.writeCycle(cycle, entries, { position: 4096, stamp: 900, segment: 1 });
      if (cycle === 1 || released) await images.release(cycle);
    }
    await images.close();
    const { bytes } = storage.find(PATH);
    samples.push({ bytes, released, images: new Set(await imagesOf(storage)) });
  }
  return samples;
}

async function imagesOf(storage: RigStorage): Promise<string[]> {
  const texts: string[] = [];
  for await (const image of (await scanImages(storage, PATH, INCARNATION)).images()) {
    texts.push(textOf(image));
  }
  return texts;
}

function textOf({ volumeId, volumeIncarnation, block, stamp, bytes }: StoredImage): string {
  return `${volumeId} ${volumeIncarnation} ${block} ${stamp} ${bytes.length} ${crc32(bytes)}`;
}

function fileOf(bytes: Uint8Array): RigStorage {
  const storage = new RigStorage();
  const file = new RigFile();
  file.bytes = bytes;
  storage.files.set(PATH, file);
  return storage;
}

/** One changed byte: never a whole cycle any more, and never an image that was not written. */
async function damagedImages(prng: Prng, samples: readonly SampleImages[]): Promise<Outcome> {
  const { bytes, released, images } = prng.pick(samples);
  const area = prng.below(3);
  const at = area === 0 ? prng.below(128) : prng.below(bytes.length, area === 1 ? IMAGE_HEADER_BYTES : 0);
  const kept = bytes[at]!;
  bytes[at] = kept ^ prng.below(256, 1);
  try {
    const storage = fileOf(bytes);
    const answer = await answerLater(CODES, () => scanImages(storage, PATH, INCARNATION));
    if ("code" in answer) return "detected";
    const { state, sound } = answer.value;
    const covered = at < 128 ||
      (at >= IMAGE_HEADER_BYTES && at < IMAGE_HEADER_BYTES + IMAGES_A_CYCLE * STRIDE);
    if (covered && state === "sealed") find(`a changed byte ${at} of a sealed cycle passed`);
    if (covered && sound === IMAGES_A_CYCLE) find(`a changed byte ${at} left every image sound`);
    if (!covered && state !== "sealed" && !released) {
      find(`byte ${at} means nothing, but the cycle is ${state}`);
    }
    for (const image of await imagesOf(storage)) {
      if (!images.has(image)) find(`byte ${at} changed: an image that never was`);
    }
    return covered ? "detected" : "read";
  } finally {
    bytes[at] = kept;
  }
}

/** Anything in the file, checksums put right: judged without a crash. */
async function spoiledImages(prng: Prng, samples: readonly SampleImages[]): Promise<Outcome> {
  const sample = prng.pick(samples).bytes;
  let bytes = sample.slice(0, prng.once(4) ? prng.below(sample.length + 1) : sample.length);
  if (prng.once(8)) bytes = garbage(prng, 9000, sample.subarray(0, 64)).slice();
  if (bytes.length >= 128) reseal(prng, bytes, 0, 128);
  if (bytes.length >= 2112 && prng.once(2)) reseal(prng, bytes, 2048, 64);
  for (let at = IMAGE_HEADER_BYTES; at + STRIDE <= bytes.length; at += STRIDE) {
    if (prng.once(3)) reseal(prng, bytes, at, ENTRY_BYTES);
  }
  const storage = fileOf(bytes);
  const answer = await answerLater(CODES, () => imagesOf(storage));
  decodeRelease(bytes.subarray(2048, 2112), INCARNATION);
  if (bytes.length >= ENTRY_BYTES) getEntry(bytes, prng.below(bytes.length - ENTRY_BYTES + 1));
  const header = answerOf(CODES, () => decodeCycle(bytes, PATH));
  return "code" in answer || "code" in header ? "refused" : "read";
}

/** Spoils a structure that keeps its checksum at byte 4, and puts the checksum right. */
function reseal(prng: Prng, bytes: Uint8Array, at: number, length: number): void {
  spoil(prng, bytes, at + 8, at + length);
  putU32(bytes, at + 4, crc32(bytes.subarray(at + 8, at + length)));
}

const HEADER: VolumeHeader = {
  blockSize: 8192,
  extentBlocks: 1024,
  id: VOLUME,
  incarnation: INCARNATION,
  sequence: 6,
  stampCeiling: 2 ** 40,
  createdMs: 1_700_000_000_000,
};
const SLOT_A: Uint8Array = encodeVolumeHeader(HEADER);
const SLOT_B: Uint8Array = encodeVolumeHeader({ ...HEADER, sequence: 7 });
const FRONT: Uint8Array = initialImage(HEADER).slice(0, 2 * 8192);

/** One changed byte of a header slot: the other counts; of both: refused. */
function damagedHeader(prng: Prng): Outcome {
  const a = SLOT_A.slice(), b = SLOT_B.slice();
  const edge = prng.once(2) ? 128 : 8192;
  damageByte(prng, b, 0, edge);
  if (newestHeader(a, b, "x").sequence !== 6) find("a damaged slot counted");
  damageByte(prng, a, 0, edge);
  const answer = answerOf(["CORRUPT"], () => newestHeader(a, b, "x"));
  return "code" in answer ? "detected" : find("two damaged slots passed");
}

/** Headers of any content with right checksums. */
function spoiledHeader(prng: Prng): Outcome {
  const a = SLOT_A.slice(), b = prng.once(4) ? garbage(prng, 8192) : SLOT_B.slice();
  for (const slot of [a, b]) {
    if (slot.length < 8192) continue;
    spoil(prng, slot, prng.once(3) ? 4 : HEADER_BYTES, prng.once(2) ? 110 : 8192);
    if (!prng.once(4)) sealBlock(slot, 0, 8192);
  }
  probeBlockSize(prng.once(3) ? garbage(prng, 600, FRONT.subarray(0, 128)) : a);
  const answer = answerOf(CODES, () => newestHeader(a, b, "x"));
  if ("code" in answer) return "refused";
  const { blockSize, extentBlocks } = answer.value;
  if (blockSize !== 8192 || extentBlocks < 8) find("a header of no use was taken");
  return "read";
}

/** The targets of this file. */
export async function imageTargets(): Promise<Target[]> {
  const samples = await makeSamples();
  return [
    { name: "image journal, byte damaged", weight: 2, run: (prng) => damagedImages(prng, samples) },
    { name: "image journal, spoiled", weight: 2, run: (prng) => spoiledImages(prng, samples) },
    { name: "volume header, byte damaged", weight: 6, run: damagedHeader },
    { name: "volume header, spoiled", weight: 6, run: spoiledHeader },
  ];
}
