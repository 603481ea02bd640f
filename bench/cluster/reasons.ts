/**
 * Why a goal of issue 3 is missed, where it is: what the profiles say, the bound that is seen, and the next
 * idea. A miss without a word here is a failure.
 */

const W4_ONE =
  "one write and one sync a commit, as in the private mount: the profiles of both differ by 1 to 2 % " +
  "(lease, coherence), and what is left is what write cycles of 16,000 changed blocks do to the syncs" +
  " beside them. Bound: the sync, nine tenths of the time. Next: home writes that make way for a lone" +
  " sync.";
const W4_MANY =
  "without write cycles a member does 272 k where the private mount does 265 k (300,000 records, " +
  "Bun); with a million records 32 MiB of redo change all 16,000 blocks, so each checkpoint writes " +
  "260 MB of images and homes beside the journal's syncs, and a turn's wait for the lease makes " +
  "groups of 32 instead of 37. Next: checkpoints by what recovery would take, not by bytes, and home " +
  "writes spread out.";
const W5 = "the profiles differ by the lease (3 to 4 %: two clock reads for eight answers) and by what is " +
  "noted of a held block (2 to 3 %); the rest is write cycles, which hold half of the second " +
  "processor while the loop waits for memory. Next: one clock read a turn, home writes spread out.";
const W2_TWO =
  "each process does what one does alone; the two share caches and memory of two cores, as lmdb's two" +
  " do (1.7 to 2 times its one). Bound: memory, 16,000 leaves of 8 KiB in each process's own pool. " +
  "Next: one pool in memory that the processes of a host share.";
const W7_OWN =
  "after its range is its own a process sends nothing (0.00002 messages an operation): nine hits of " +
  "1.3 us and a relaxed set of 3 to 4 us. Bound: W2, a get of a million records, of which one process" +
  " does some 0.7 M a second here; eleven times sqlite's mix is more than that. Next: as for W2, key " +
  "heads of 8 bytes.";
const W7_UNIFORM =
  "0.17 blocks are asked for an operation, by the arithmetic of who used a block last (0.09 of the " +
  "gets, 0.91 of the sets), and each costs both processes together some 300 us: codes of envelopes 10" +
  " to 15 %, writes to the socket 12 %, the copies and checks of 8 KiB 10 %, the operation begun anew" +
  " 15 %, no part above. Two rounds took it from 400 to 300 (owed blocks unsorted, one envelope a " +
  "turn). Bound: a bare exchange of as many bytes over a socket takes 20 to 25 us, so that some " +
  "200,000 operations a second would be all. Next: sets sent to the holder, as increments are; a ring" +
  " in shared memory between the processes of a host.";
const W6_SAME =
  "increments of both go to whoever has the leaf, 64 in one message, and the block moves after four " +
  "rounds, so that both count alike (the slower does 90 % and more; it was 4 %). Each answer waits " +
  "for a sync of its group, as a Redis with everysec does not. Next: a bounded hold by time as well " +
  "as by rounds.";

/** By workload, runtime and subject, as `reasonKey` of goals.ts spells them. */
export const REASONS: Readonly<Record<string, string>> = {
  ...both("W4 durable, 1 writer", "Cohort, private", W4_ONE),
  ...both("W4 durable, 64 writers", "Cohort, private", W4_MANY),
  ...both("W5 relaxed, 1 in flight", "Cohort, private", W5),
  ...both("W5 relaxed, 64 in flight", "Cohort, private", W5),
  ...both("W2 get, 2 processes", "Cohort", W2_TWO),
  ...both("W7 own ranges, 2 processes, 1 in flight", "bun:sqlite", W7_OWN),
  ...both("W7 own ranges, 2 processes, 1 in flight", "GT.M", W7_OWN),
  ...both("W7 uniform, 2 processes, 64 in flight", "bun:sqlite", W7_UNIFORM),
  ...both("W6 same counter, 2 processes, 64 in flight", "Redis", W6_SAME),
};

function both(workload: string, to: string, reason: string): Record<string, string> {
  return Object.fromEntries(["bun", "deno"].map((it) => [`${workload}, ${it}, to ${to}`, reason]));
}
