// Worker of interconnect_worker_test: a member that does as it is told, and tells what it hears.
import { parentPort, workerData } from "node:worker_threads";
import { createWorkerInterconnect } from "../../adapters/interconnect_worker.ts";

const { port, self, wake } = workerData;
const links = createWorkerInterconnect(port);
const say = (...what) => parentPort.postMessage(what);
let isEchoing = false;
let count = 0;
let wrong = 0;

const address = await links.open(self, {
  message: (from, bytes) => {
    if (isEchoing) return void links.send(from.incarnation, bytes);
    if (bytes.some((byte) => byte !== (count & 0xff))) wrong++;
    count++;
  },
  up: ({ name }) => say("up", name),
  down: ({ name }, reason) => say("down", name, reason),
});
say("at", address);

const orders = {
  echo: () => isEchoing = true,
  connect: async ([to]) => say("connected", (await links.connect(to)).name),
  // Each message is filled with its number.
  send: ([to, messages, bytes]) => {
    let taken = 0;
    for (let i = 0; i < messages; i++) if (links.send(to, new Uint8Array(bytes).fill(i & 0xff))) taken++;
    say("sent", taken);
  },
  heard: () => say("heard", count, wrong),
  stall: () => {
    say("stalls");
    Atomics.wait(new Int32Array(wake), 0, 0);
  },
  spin: () => {
    say("spins");
    for (;;);
  },
  exit: () => process.exit(0),
  close: async () => {
    await links.close();
    say("closed");
  },
};
parentPort.on("message", ([order, ...rest]) => orders[order](rest));
