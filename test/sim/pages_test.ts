import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { PAGE_BYTES, PagedBytes } from "../../src/testing/sim/pages.ts";
import { Prng } from "../../src/testing/sim/prng.ts";

test("PagedBytes: reads what was written, zeros where nothing was, as a plain array does", () => {
  const chance = new Prng(3);
  const plain = new Uint8Array(6 * PAGE_BYTES);
  const paged = new PagedBytes();
  let size = 0;
  const images: [PagedBytes, Uint8Array][] = [];
  for (let i = 0; i < 400; i++) {
    const whole = chance.chance(1, 4);
    const position = whole ? chance.below(5) * PAGE_BYTES : chance.below(5 * PAGE_BYTES);
    const bytes = chance.fill(new Uint8Array(whole ? PAGE_BYTES : chance.below(PAGE_BYTES)));
    paged.write(position, bytes);
    plain.set(bytes, position);
    if (bytes.length > 0) size = Math.max(size, position + bytes.length);
    if (chance.chance(1, 40)) {
      size = chance.below(size + 1);
      paged.resize(size);
      plain.fill(0, size);
    }
    if (chance.chance(1, 20)) images.push([paged.clone(), plain.slice(0, size)]);
  }
  assertEquals(paged.size, size);
  assertEquals(paged.slice(0, size), plain.slice(0, size));
  for (const [image, bytes] of images) assertEquals(image.slice(0, bytes.length), bytes);
});

test("PagedBytes.clone(): a change of one image never shows in the other", () => {
  const one = new PagedBytes();
  one.write(0, new Uint8Array(PAGE_BYTES).fill(1));
  const two = one.clone();
  one.write(10, Uint8Array.of(9));
  two.flip(20, 0xff);
  assertEquals(one.slice(9, 3), Uint8Array.of(1, 9, 1));
  assertEquals(two.slice(9, 3), Uint8Array.of(1, 1, 1));
  assertEquals([one.slice(20, 1)[0], two.slice(20, 1)[0]], [1, 0xfe]);
  assert(!one.equals(two));
});

test("PagedBytes.equals(): an unwritten page is a page of zeros", () => {
  const one = new PagedBytes();
  const two = new PagedBytes();
  one.resize(PAGE_BYTES);
  two.write(0, new Uint8Array(PAGE_BYTES));
  assert(one.equals(two));
});
