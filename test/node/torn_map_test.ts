/** A member that mounts a database just while another one writes a map of it home. */
import { assertEquals } from "@std/assert";
import { test } from "#test";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { playCounting } from "./increments_world.ts";

/** Place of the first map of a volume. */
const MAP = 2;
const TEXT = ".".repeat(3_000);

test("mount: half a map on the disk, of a member that has it, hides no extent and costs no header", () =>
  playCounting(31, async (world) => {
    const alpha = await world.open("alpha");
    const texts = alpha.database.global<string>("Text");
    for (let i = 0; i < 20; i++) await texts.set(["a", i], TEXT);
    const disk = await new SimStorage(world.host.spawn()).openVolume("/data/hr/cohort.dat", {
      blockSize: 8192,
      access: "write",
    });
    const headers = [0, 1].map(() => new Uint8Array(8192)), map = new Uint8Array(8192);
    for (const [block, bytes] of headers.entries()) await disk.read(block, bytes);
    await disk.read(MAP, map);
    await disk.write([{ block: MAP, bytes: map.slice().fill(0x5a, 4096) }]);
    const beta = await world.open("beta");
    const others = beta.database.global<string>("Text");
    for (let i = 0; i < 20; i++) await others.set(["b", i], TEXT);
    await beta.node.checkpoint();
    for (const [block, bytes] of headers.entries()) {
      const now = new Uint8Array(8192);
      await disk.read(block, now);
      assertEquals(now.subarray(0, 64), bytes.subarray(0, 64), `block ${block}`);
    }
    await beta.database.dismount();
    const again = await (await world.open("gamma")).database.check();
    assertEquals(again.problems, []);
    for (const who of ["a", "b"]) for (let i = 0; i < 20; i++) assertEquals(await texts.get([who, i]), TEXT);
  }));
