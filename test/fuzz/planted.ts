/** Decoders with a flaw each, to show that the fuzzer finds what it is there for. */
import { AT_CHECKSUM, sealBlock, verifyBlock } from "../../src/ground/block.ts";
import { isCode } from "../../src/ground/errors.ts";
import { decodeClaim } from "../../src/storage/claim_record.ts";
import { PLANTED_LINKS } from "./targets/links.ts";
import { readFrameHeader } from "../../src/storage/journal_frame.ts";
import type { Prng } from "../support/prng.ts";
import type { FuzzOptions, Target } from "./fuzz.ts";
import { answerOf, expectRefused, find } from "./judge.ts";
import { damageByte, garbage, garbageText } from "./mutate.ts";
import { SAMPLE_BLOCKS } from "./targets/blocks.ts";

/** A flaw, and the bounds under which it is to be found. */
export interface Planted {
  readonly target: Target;
  readonly bounds?: Pick<FuzzOptions, "inputMsMax" | "growthBytesMax">;
}

/** A block reader that believes whatever checksum it computes. */
function unchecked(prng: Prng): "detected" {
  const bytes = prng.pick(SAMPLE_BLOCKS).slice();
  damageByte(prng, bytes, AT_CHECKSUM + 4, bytes.length);
  sealBlock(bytes, 0, bytes.length);
  const fault = verifyBlock(bytes, 0, bytes.length, 9, 0xfeedface);
  return fault === undefined ? find("a changed byte passed") : "detected";
}

/** A claim reader that forgives damage. */
function forgiving(prng: Prng): "detected" | "refused" | "read" {
  const bytes = garbage(prng, 300);
  const answer = answerOf(["CORRUPT"], () => {
    try {
      return decodeClaim(bytes, "x", 7);
    } catch (error) {
      if (isCode(error, "CORRUPT")) return undefined;
      throw error;
    }
  });
  return expectRefused(answer, "damage");
}

/** A reader without bounds checks: it meets an undefined byte. */
function unbounded(prng: Prng): "read" {
  const bytes = garbage(prng, 40);
  const length = bytes[0] ?? 0;
  const parts = Array.from({ length }, (_, i) => bytes.subarray(i, i + 1));
  answerOf(["CORRUPT"], () => parts.map((part) => (part[0]!).toFixed()));
  return "read";
}

/** A recursive reader of nested brackets. */
function recursive(prng: Prng): "read" {
  const text = "[".repeat(prng.below(200_000));
  const read = (at: number): number => text[at] === "[" ? 1 + read(at + 1) : 0;
  answerOf(["SYNTAX"], () => read(0));
  return "read";
}

/** A reader that looks at everything once more for every character. */
function quadratic(prng: Prng): "read" {
  const text = garbageText(prng, ["a", "b"]).repeat(40);
  let seen = 0;
  for (let i = 0; i < text.length; i++) for (const unit of text) if (unit === text[i]) seen++;
  return seen >= 0 ? "read" : find("nothing was seen");
}

const kept: Uint8Array[] = [];

/** A reader that allocates what a length says, and keeps it. */
function greedy(prng: Prng): "read" {
  kept.push(new Uint8Array(prng.below(2 ** 20)).fill(1));
  return "read";
}

/** A reader of frames that trusts the header check alone. */
function shallow(frames: readonly Uint8Array[], tag: number): (prng: Prng) => "detected" {
  return (prng) => {
    const bytes = prng.pick(frames).slice();
    damageByte(prng, bytes, 0, bytes.length);
    return readFrameHeader(bytes, 0, tag) === undefined
      ? "detected"
      : find("a changed byte of a frame passed");
  };
}

/** All of them. */
export function plantedFlaws(frames: readonly Uint8Array[], tag: number): Planted[] {
  const target = (name: string, run: Target["run"]): Target => ({ name, weight: 1, run });
  return [
    { target: target("checksum not compared", unchecked) },
    { target: target("damage forgiven", forgiving) },
    { target: target("bytes read past the end", unbounded) },
    { target: target("recursion without a limit", recursive) },
    { target: target("frame body not verified", shallow(frames, tag)) },
    { target: target("quadratic time", quadratic), bounds: { inputMsMax: 5 } },
    { target: target("memory kept", greedy), bounds: { growthBytesMax: 64 * 2 ** 20 } },
    ...PLANTED_LINKS.map((target) => ({ target })),
  ];
}

/** Lets go of what `greedy` kept. */
export function forgetPlanted(): void {
  kept.length = 0;
}
