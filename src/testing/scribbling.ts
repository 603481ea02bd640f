/**
 * An interconnect that takes its promise at its word: a message's bytes are its receiver's for the call only.
 */
import type { Interconnect } from "../ports/interconnect.ts";

/** The same interconnect, whose delivered messages are overwritten as soon as their receiver has returned. */
export function scribbling(of: Interconnect): Interconnect {
  return {
    traits: of.traits,
    open: (self, receiver) =>
      of.open(self, {
        up: (peer) => receiver.up(peer),
        down: (peer, reason) => receiver.down(peer, reason),
        message: (from, bytes) => {
          const copy = bytes.slice();
          receiver.message(from, copy);
          copy.fill(0xdb);
        },
      }),
    connect: (address) => of.connect(address),
    send: (incarnation, bytes) => of.send(incarnation, bytes),
    broadcast: (bytes) => of.broadcast(bytes),
    disconnect: (incarnation, reason) => of.disconnect(incarnation, reason),
    close: () => of.close(),
  };
}
