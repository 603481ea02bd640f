/** Joined parts: what a member is made of, around the engine of its node. */
import { Coherence } from "../buffer/coherence.ts";
import { MemberCourier } from "../cluster/courier.ts";
import { Membership } from "../cluster/membership.ts";
import type { MembershipWorld } from "../cluster/membership_world.ts";
import type { Pij } from "../cluster/pij.ts";
import type { Post } from "../cluster/post.ts";
import { sharedSettings } from "../cluster/shared_settings.ts";
import type { Courier, Interconnect, OwnerIdentity } from "../ports/mod.ts";
import { pause } from "../storage/claim_lease.ts";
import type { ClusterSettings } from "./cluster_options.ts";
import type { Database } from "./database.ts";
import { pathOfDirectory } from "./directory.ts";
import type { Member } from "./member.ts";
import { gatesOf } from "./mount_registers.ts";
import { RemoteServer } from "./remote_server.ts";

/** Bytes on their way to one member, messages served for it at once, bytes kept for it. */
const LIMITS = { flightBytes: 1 << 20, served: 256, keptBytes: 8 << 20 } as const;

/** Milliseconds until a volume that could not be read is looked at again. */
const REST_MS = 10;

/** What it takes to join. */
export interface JoinedWorld {
  readonly member: Member;
  readonly pij: Pij;
  readonly secret: Uint8Array;
  readonly owner: OwnerIdentity;
  readonly settings: ClusterSettings;
  readonly interconnect: Interconnect;
  /** User, group and umask, as far as they can be told. */
  readonly rights: Readonly<Record<string, string>>;
  /** Something of what it is has changed. */
  readonly onChange: () => void;
  /** A mounted database by its canonical directory. */
  readonly mounted: (directory: string) => Database | undefined;
}

/** Its courier. */
export function makeCourier(
  { member, owner }: JoinedWorld,
  post: Post,
  hooks: { readonly onLaterView: (view: number) => void; readonly onBroken: (error: unknown) => void },
): MemberCourier {
  const { engine, journal, world: { clock, observer } } = member;
  return new MemberCourier(owner.nonce, {
    clock,
    limits: LIMITS,
    stamp: () => engine.stamps.last,
    hear: (stamp) => {
      engine.stamps.hear(stamp);
      journal.expect(stamp);
    },
    send: (to, bytes) => post.send(to, bytes),
    safe: (position) => position <= journal.safe ? undefined : journal.makeSafe(position),
    // Whatever ends the journal stops the member.
    onUnsafe: (error) => observer.event("cluster.unsafe", "warn", { cause: String(error) }),
    disconnect: (to, reason) => post.disconnect(to, reason),
    ...hooks,
  });
}

/** Its shared blocks. */
export function makeCoherence(
  { member, settings }: JoinedWorld,
  courier: Courier,
  onTrouble: (error: unknown) => void,
): Coherence {
  const { engine, journal, daemon, world: { clock } } = member;
  return new Coherence({
    pool: engine.pool,
    loader: engine.loader,
    stamps: engine.stamps,
    courier,
    left: daemon.left,
    position: () => journal.position,
    letGo: (volume, block) => daemon.letGo(volume, block),
    handover: settings.handover,
    makeRoom: () => daemon.makeRoom(1),
    nudge: () => daemon.nudge(),
    bringHome: (volume, block) => daemon.bringHome(volume, block),
    rest: () => pause(clock, REST_MS),
    soon: (task) => void clock.after(0, task),
    onTrouble,
  });
}

/** What serves its databases to other members. */
export function makeRemoteServer(
  { member, mounted }: JoinedWorld,
  name: string,
  courier: Courier,
): RemoteServer {
  const { journal, settings: { devices }, world: { storage } } = member;
  return new RemoteServer({
    courier,
    name,
    mounted,
    resolve: (directory) => storage.resolve(pathOfDirectory(directory, devices)),
    position: () => journal.position,
  });
}

/** Its membership. */
export function makeMembership(
  { member, pij, secret, owner, settings, rights }: JoinedWorld,
  name: string,
  post: Post,
  hooks: Pick<MembershipWorld, "onView" | "onState" | "onTold" | "onBroken" | "recover" | "resume">,
): Membership {
  const { clock, entropy, storage, observer } = member.world;
  const { durability, blockSize } = member.settings;
  const { votes, storageVotes, timings, confirmGone, evictSilent } = settings;
  return new Membership({
    clock,
    entropy,
    storage,
    observer,
    post,
    link: {
      cluster: pij.cluster,
      name,
      incarnation: owner.nonce,
      epoch: 0,
      secret,
      versions: { least: 1, most: 1 },
    },
    directory: pij.directory,
    owner,
    votes,
    storageVotes,
    journal: member.directory,
    directoriesOf: (journal) => gatesOf(member.world, journal),
    settings: sharedSettings({
      durability,
      timings,
      rights,
      traits: storage.traits,
      cluster: {
        version: 1,
        values: {
          evictSilent: String(evictSilent),
          storageVotes: String(storageVotes),
          // Who recovers a volume reads it through its own pool.
          blockSize: String(blockSize),
        },
      },
    }),
    timings,
    confirmGone,
    evictSilent,
    ...hooks,
  });
}
