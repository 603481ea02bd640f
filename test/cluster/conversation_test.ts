/** A conversation where the other end's answers are not what they should be. */
import { assertEquals } from "@std/assert";
import { test } from "#test";
import { Conversation } from "../../src/cluster/conversation.ts";
import { encodeRefusal } from "../../src/cluster/refusal.ts";
import { KIND_REFUSAL, KIND_REQUEST, type Packet, readPacket } from "../../src/cluster/packet.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { NO_BYTES } from "../../src/ground/bytes.ts";

const PEER = "b".repeat(32);

/** Asks once, has the refusal answered with this body, and tells which code the asker heard. */
async function codeHeardOf(body: Uint8Array): Promise<string> {
  const sent: Packet[] = [];
  const conversation = new Conversation(
    {
      clock: {
        traits: { version: 1, virtual: true },
        monotonicMs: () => 0,
        wallMs: () => 0,
        after: () => () => {},
      },
      limits: { flightBytes: 1000, served: 8, keptBytes: 1000 },
      stamp: () => 1,
      send: (_, bytes) => sent.push(readPacket(bytes.slice())) > 0,
      safe: () => undefined,
      onUnsafe: () => {},
    },
    PEER,
    1,
  );
  const answered = conversation.request(3, NO_BYTES, {}).then(() => "none", (error) => {
    if (isCode(error, "CORRUPT") || isCode(error, "FULL")) return error.code;
    throw error;
  });
  const { number } = sent.find(({ kind }) => kind === KIND_REQUEST)!;
  const refusal = {
    kind: KIND_REFUSAL,
    topic: 3,
    view: 1,
    stamp: 1,
    number: 1,
    ack: number,
    credit: 8,
    about: number,
  };
  assertEquals(conversation.heard({ ...refusal, body }), false);
  return await answered;
}

test("conversation: a refusal is told, and one that tells nothing is told to be so", async () => {
  assertEquals(await codeHeardOf(encodeRefusal(new CohortError("FULL", "It is full", {}))), "FULL");
  assertEquals(await codeHeardOf(new Uint8Array([255, 255, 255])), "CORRUPT");
  assertEquals(await codeHeardOf(NO_BYTES), "CORRUPT");
});
