/**
 * Node: one member's pool, journal and mounted databases (DESIGN §2).
 *
 * The journal, its image journal and the write daemon come with the first mount that may write. A failed sync
 * or a broken invariant stops the node: every later call answers `STOPPED` with the first cause, and its
 * databases come back through recovery.
 */
import { toHex } from "../ground/hex.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { checkOptions } from "../ground/options.ts";
import type { Value } from "../ground/value.ts";
import type { Patience } from "../buffer/engine.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import type { Transaction } from "../global/transaction.ts";
import { checkWait, patienceOf, type WaitOptions } from "../global/patience.ts";
import { transact, type TransactOptions } from "../global/transact.ts";
import { atEnd } from "../ground/at_end.ts";
import type { Database, DatabaseStatus } from "./database.ts";
import { Administration } from "./administration.ts";
import { joinCluster } from "./clustering.ts";
import { daemonsOf, type DaemonStatus } from "./daemons.ts";
import type { Joined } from "./joined.ts";
import { missingInMemory, pathOfDirectory } from "./directory.ts";
import { endWithin, runEnds } from "./ends.ts";
import { lookFirst } from "./look_first.ts";
import { type Member, openMember } from "./member.ts";
import type { Mount } from "./mount.ts";
import { checkMountOptions, MOUNT_OPTIONS, type MountOptions } from "./mount_options.ts";
import { exists, mountVolume } from "./mounting.ts";
import { type NodeStatus, Standing, statusOf } from "./node_status.ts";
import { mountedOtherwise, notMounted, stopped } from "./refusals.ts";
import { noticing } from "./noticing.ts";
import type { Settings, World } from "./options.ts";
import { type RemoteMember, remoteMember } from "./remote_member.ts";
import { type ResolvedReference, resolveReference } from "./resolved_reference.ts";
import { Seat } from "./seat.ts";
import { mountShared } from "./shared_mounting.ts";
import { deleteDatabase, refusedDeletion } from "./deleting.ts";
import { StatusFeed } from "./status_feed.ts";

/** One member. Made by `openNode`. */
export class Node implements AsyncDisposable {
  /** 32 hexadecimal digits, drawn anew at each open. */
  readonly incarnation: string;
  /** What administers its cluster from here. */
  readonly administration: Administration;
  readonly #seat: Seat;
  readonly #settings: Settings;
  readonly #world: World;
  readonly #mounts = new Map<string, Promise<Mount>>();
  /** Those that stand, by path. */
  readonly #live = new Set<Mount>();
  /** Paths of databases being deleted. */
  readonly #deleting = new Map<string, Promise<void>>();
  readonly #feed = new StatusFeed();
  readonly #standing: Standing;
  readonly #onClose: (() => Promise<void>) | undefined;
  #member: Promise<Member> | undefined;
  #opened: Member | undefined;
  #stopCause: CohortError | undefined;
  #closing: Promise<void> | undefined;

  /** @internal Made by `openNodeCore`. */
  constructor(settings: Settings, world: World, onClose: (() => Promise<void>) | undefined) {
    this.#settings = settings;
    this.#world = { ...world, observer: noticing(world.observer, () => this.#changed(true)) };
    this.#onClose = onClose;
    this.#standing = new Standing(world.clock);
    this.incarnation = toHex(world.entropy.fill(new Uint8Array(16)));
    this.#seat = new Seat({
      take: async (coming) =>
        await joinCluster(await this.#open(), settings, this.#world, {
          onChange: () => this.#changed(),
          prepare: (joined) => {
            coming(joined);
            this.administration.serve(joined);
          },
          mounted: (path) => [...this.#live].find((it) => it.core.directory === path)?.database,
        }),
      onLeft: () => this.#changed(),
      onRefused: (cause) => this.#opened?.stop(cause),
    });
    this.administration = new Administration(this, settings, world, () => this.#seat.joined);
  }

  /**
   * What it is doing now; iterated, what it does after each change of its state or mounts, until it is
   * closed.
   */
  get status(): NodeStatus & AsyncIterable<NodeStatus> {
    const look = (): NodeStatus => this.#look();
    return { ...look(), [Symbol.asyncIterator]: () => this.#feed.follow(look) };
  }

  #changed(isOwn: boolean = false): void {
    this.#look();
    if (isOwn) this.#seat.joined?.notices.noticed();
    this.#feed.notify();
  }

  #look(): NodeStatus {
    return statusOf({
      incarnation: this.incarnation,
      isClosing: this.#closing !== undefined,
      isClosed: this.#feed.isOver,
      standing: this.#standing,
      stopped: this.#stopCause,
      member: this.#opened,
      joined: this.#seat.present,
      databases: [...this.#mounts.keys()],
    });
  }

  /**
   * Becomes a member of the cluster of its PIJ directory now, not by the first clustered mount. Rejects what
   * refused it: `PEER_REFUSED` with every difference, `UNFENCEABLE`, `NAME_TAKEN`, `COPIED`, `FULL` by 64
   * members; `UNREACHABLE` or `PEER_WRONG` with the member that it did not find at its address, `TIMEOUT`
   * with what it waited for. Costs a view: one register, a few messages to each member.
   */
  async join(options?: WaitOptions): Promise<void> {
    this.#refuse();
    const run = ({ signal }: Patience): Promise<Joined> => unlessAborted(this.#seat.join(), signal);
    await patienceOf(this.#world.clock, options, run);
  }

  /**
   * Leaves its cluster in good order: dismounts what is clustered, keeps what is private; a later clustered
   * mount, or `join`, makes it a member again. Goes on when its caller gives up waiting. Rejects what kept
   * it: a dismount's error, and it is a member still; or what refused the view, and it stops.
   */
  async leave(options?: WaitOptions): Promise<void> {
    this.#refuse();
    const dismount = async (): Promise<void> => {
      for (const mount of [...this.#live]) if (mount.mode === "clustered") await mount.dismount();
    };
    const run = ({ signal }: Patience): Promise<void> => unlessAborted(this.#seat.leave(dismount), signal);
    await patienceOf(this.#world.clock, options, run);
  }

  /** What runs for it in the background. */
  daemons(): DaemonStatus[] {
    return daemonsOf(this.#opened, this.#seat.present);
  }

  /** What can be told of each database that it has mounted. */
  databases(): DatabaseStatus[] {
    return [...this.#live].map((it) => it.database.status);
  }

  /**
   * Mounts a database, named by its path or with a device of the option `devices` (`DKA100:[HR]`); whatever
   * it was named by, its canonical path is its one name. A second mount in the same mode answers the same
   * handle; in another it is `MOUNTED`, as is a copy of the files of one that this node has written.
   * `create` makes it when missing; of any number of processes that do so at once exactly one creates it.
   * Rejects `SYNTAX` (a specification), `NOT_FOUND`, `IN_USE` (naming the holder), `FOREIGN_OWNER`,
   * `NOT_A_VOLUME`, `FORMAT_NEWER`, `CORRUPT`, `JOURNAL_GAP`, `BLOCK_SIZE`, and `FULL` when its journal can
   * name no more databases (some 40,000 in the life of a node, less with small segments). A recovery goes on
   * when its caller gives up waiting (on a full disk, say): the next mount waits for it, too.
   */
  async mount(directory: string, options: MountOptions = {}): Promise<Database> {
    this.#refuse();
    const place = pathOfDirectory(directory, this.#settings.devices);
    checkMountOptions(options);
    return await patienceOf(
      this.#world.clock,
      options,
      ({ signal }) => this.#mountFor(place, options, signal),
      undefined,
      MOUNT_OPTIONS,
    );
  }

  async #mountFor(
    place: string,
    options: MountOptions,
    signal: AbortSignal | undefined,
  ): Promise<Database> {
    const path = await this.#world.storage.resolve(place);
    let known: Mount | undefined;
    // Another caller may have begun while this one was told that nobody had.
    do known = await unlessAborted(this.#mounted(path), signal); while (
      known === undefined && this.#isBusy(path)
    );
    this.#refuse();
    if (known !== undefined) {
      if (options.create === "new") throw exists(path);
      const { mode = "private", readOnly = false } = options;
      if (known.readOnly !== readOnly || known.mode !== mode) throw mountedOtherwise(known);
      return known.database;
    }
    const mounting = this.#mount(path, signal === undefined ? options : { ...options, signal });
    this.#mounts.set(path, mounting);
    mounting.catch(() => this.#mounts.delete(path));
    try {
      return (await unlessAborted(mounting, signal)).database;
    } catch (error) {
      const isMissing = this.#settings.dir === undefined && isCode(error, "NOT_FOUND");
      throw isMissing && !options.create ? missingInMemory(path, error) : error;
    }
  }

  /** The mount of a path that stands now, after those that come or go have come or gone. */
  async #mounted(path: string): Promise<Mount | undefined> {
    for (;;) {
      await this.#deleting.get(path)?.catch(() => {});
      const known = this.#mounts.get(path);
      if (known === undefined) return undefined;
      const mount = await known.catch(() => undefined);
      if (mount === undefined || this.#mounts.get(path) !== known) continue;
      if (mount.leaving === undefined) return mount;
      await mount.leaving.catch(() => {});
    }
  }

  #isBusy(path: string): boolean {
    return this.#mounts.has(path) || this.#deleting.has(path);
  }

  /** Dismounts a database by what names it, as {@linkcode Database.dismount} does; rejects `NOT_MOUNTED`. */
  async dismount(directory: string, options?: WaitOptions): Promise<void> {
    this.#refuse();
    const path = await this.#world.storage.resolve(pathOfDirectory(directory, this.#settings.devices));
    const mount = await this.#mounted(path);
    if (mount === undefined) throw notMounted(path);
    await mount.database.dismount(options);
  }

  /** Creates a database and leaves it mounted privately here. Rejects `EXISTS`. */
  createDatabase(
    directory: string,
    options: Omit<MountOptions, "create" | "readOnly"> = {},
  ): Promise<Database> {
    return this.mount(directory, { ...options, create: "new" });
  }

  /**
   * Deletes a database that nobody has mounted, this node included; everything in it is gone. Rejects
   * `MOUNTED`, `NOT_FOUND`, `IN_USE`, `FOREIGN_OWNER`.
   */
  async deleteDatabase(directory: string): Promise<void> {
    this.#refuse();
    const path = await this.#world.storage.resolve(pathOfDirectory(directory, this.#settings.devices));
    let mount: Mount | undefined;
    do mount = await this.#mounted(path); while (mount === undefined && this.#isBusy(path));
    this.#refuse();
    if (mount !== undefined) throw refusedDeletion(path, mount.mode) ?? mountedOtherwise(mount);
    const work = deleteDatabase(path, this.incarnation, this.#settings, this.#world);
    const deleting = atEnd(work, () => this.#deleting.delete(path));
    this.#deleting.set(path, deleting);
    await deleting;
  }

  /**
   * Runs `body` as one serializable transaction over all databases of this node, again on a conflict. What
   * the body does outside the transaction (an increment, say) is done again with it. What a run reads and
   * writes may take as much memory as the pool, 64 MiB at least, then `TRANSACTION_TOO_LARGE`.
   */
  async transact<R>(
    body: (transaction: Transaction) => Promise<R> | R,
    options: TransactOptions = {},
  ): Promise<R> {
    this.#refuse();
    const { engine } = await this.#open();
    return transact(engine, this.#world.clock, body, options);
  }

  /**
   * Resolves when everything acknowledged before is synced, whatever the durability; await what is to count.
   */
  sync(options?: WaitOptions): Promise<void> {
    return this.#waitFor((member) => member.journal.makeSafe(), options);
  }

  /** Brings every changed block home, syncs, and drops journal segments nothing needs. */
  checkpoint(options?: WaitOptions): Promise<void> {
    return this.#waitFor((member) => member.daemon.checkpoint(), options);
  }

  /** Waits for what goes on when its caller gives up. */
  async #waitFor(
    work: (member: Member) => Promise<unknown>,
    options: WaitOptions | undefined,
  ): Promise<void> {
    this.#refuse();
    const member = this.#opened;
    const run = async ({ signal }: Patience): Promise<void> => {
      if (member !== undefined) await unlessAborted(work(member), signal);
    };
    await patienceOf(this.#world.clock, options, run, member?.engine);
  }

  /**
   * A node of a global by its text, `^|"dir"|Patient(123,"name")`; its database as it is mounted, or mounted
   * privately at this first reference. With a member, `^|"beta","dir"|Patient(123)`, it is in a database that
   * this member has mounted. Rejects `SYNTAX` with the position, and what `mount` or `RemoteMember.database`
   * rejects.
   */
  resolve<T = Value>(reference: string): Promise<ResolvedReference<T>> {
    return resolveReference<T>(reference, (member) => this.remote(member), async (directory) => {
      const path = await this.#world.storage.resolve(pathOfDirectory(directory, this.#settings.devices));
      return (await this.#mounted(path))?.database ?? await this.mount(directory);
    });
  }

  /** Another member of the cluster, or this one, by its name: the way to what it has mounted. No message. */
  remote(member: string): RemoteMember {
    return remoteMember(member, (options) => this.join(options), () => {
      this.#refuse();
      return this.#seat.joined!.remoteCalls;
    });
  }

  /**
   * Drains: brings all home, dismounts every database, closes. Safe to call twice, and from a signal handler.
   * When that is not done in `timeoutMs` (a full disk, say) the node ends without it, and the next mount
   * recovers.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    try {
      checkOptions(options, { timeoutMs: true });
      checkWait(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { clock } = this.#world;
    const stop = (late: CohortError): void => this.#opened?.stop(late);
    return this.#closing ??= endWithin(() => this.#close(), clock, options.timeoutMs, stop);
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Promise<Member> {
    return this.#member ??= openMember(
      this.incarnation,
      this.#settings,
      this.#world,
      (cause) => this.#stop(cause),
    ).then(
      (member) => this.#opened = member,
      (error) => {
        // What could not be opened now may be openable later.
        this.#member = undefined;
        throw error;
      },
    );
  }

  async #mount(path: string, options: MountOptions): Promise<Mount> {
    if (this.#member === undefined && options.mode !== "clustered") {
      await lookFirst(path, options, this.incarnation, this.#settings, this.#world);
    }
    const member = await this.#open();
    let mount: Mount | undefined;
    const onGone = (): void => {
      this.#mounts.delete(path);
      if (mount !== undefined) this.#live.delete(mount);
      this.#feed.notify();
    };
    const stand = (made: Mount): Mount => {
      this.#live.add(mount = made);
      this.#feed.notify();
      if (this.#stopCause !== undefined) made.core.close(stopped(this.#stopCause));
      return made;
    };
    if (options.mode !== "clustered") return stand(await mountVolume(member, path, options, onGone));
    // Whoever leaves meanwhile waits for it, and then dismounts it.
    return await this.#seat.share(async (it) => stand(await mountShared(member, it, path, options, onGone)));
  }

  #refuse(): void {
    if (this.#closing !== undefined) throw new CohortError("CLOSED", "The node is closed");
    if (this.#stopCause !== undefined) throw stopped(this.#stopCause);
  }

  #stop(cause: CohortError): void {
    if (this.#stopCause !== undefined) return;
    this.#stopCause = cause;
    for (const mount of this.#live) mount.core.close(stopped(cause));
    this.#seat.present?.abort(cause).catch(() => {});
    this.#world.observer.event("node.stopped", "error", { code: cause.code, cause: cause.message });
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#deleting.values());
    const dismounts = [...this.#mounts.values()].map((mounting) => async () =>
      await (await mounting.catch(() => undefined))?.dismount()
    );
    const errors = await runEnds([
      ...dismounts,
      () => this.#seat.end(() => this.#stopCause),
      async () => await (await this.#member?.catch(() => undefined))?.close(this.#stopCause),
      () => this.#onClose?.(),
    ]);
    this.#feed.end();
    if (errors.length > 0 && this.#stopCause === undefined) throw errors[0];
  }
}
