/**
 * One share of a fuzz campaign under the runtime it is started with; `test/fuzz.mjs` starts the shares.
 *
 *   run.ts --seed S --from A --to B     inputs [A, B) of seed S
 *   run.ts --replay S:I                 one input, its failure with the whole stack
 *   --set frames                        of what members send each other
 */
import process from "node:process";
import { current, describeReport, fuzz, prngOf } from "./fuzz.ts";
import { targetsOf } from "./targets.ts";

function valueOf(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

process.on("unhandledRejection", (error: unknown) => {
  console.log(`FAILED ${current}: a promise was rejected that nobody looks at`);
  console.log(error);
  process.exit(2);
});

const targets = await targetsOf(valueOf("set") ?? "stored");
const again = valueOf("replay");
if (again === undefined) {
  const [seed, from, to] = ["seed", "from", "to"].map((name) => Number(valueOf(name)));
  const report = await fuzz(targets, { seed: seed!, from: from!, to: to! });
  console.log(`@@${JSON.stringify(report)}`);
  process.exit(report.failures.length > 0 ? 1 : 0);
}
const [seed, input] = again.split(":").map(Number);
const report = await fuzz(targets, { seed: seed!, from: input!, to: input! + 1 });
console.log(
  describeReport(report).filter((line) => !/ 0 detected, 0 refused, 0 read$/.test(line)).join("\n"),
);
if (report.failures.length > 0) {
  const target = targets.find(({ name }) => name === report.failures[0]!.target)!;
  const prng = prngOf(seed!, input!);
  prng.below(1); // the draw of the target
  try {
    await target.run(prng);
  } catch (error) {
    console.log(error);
  }
}
process.exit(report.failures.length > 0 ? 1 : 0);
