/**
 * Keeper: who holds one block, and whose turn is next (DESIGN D6). A pure table: events in, messages out.
 *
 * Requests are served in order, one at a time; each is a turn with a number of its own, which every message
 * about it carries. Where nobody holds the block exclusively and nobody owns it, its volume has it as it is.
 */

/** Who holds it: exclusively, or to read. */
export type GrantMode = "PR" | "EX";

/** Where a granted block is to be had: with the member already, from its volume, or by the holder's image. */
export type GrantSource = "held" | "volume" | "image";

/** What the keeper tells members. */
export type KeeperMessage =
  | {
    readonly kind: "grant";
    readonly to: string;
    readonly turn: number;
    readonly mode: GrantMode;
    readonly source: GrantSource;
  }
  /** Send `asker` the block, which it may use in `mode`, once granted unless `isFree`; then keep `keeps`. */
  | {
    readonly kind: "demand";
    readonly to: string;
    readonly turn: number;
    readonly asker: string;
    readonly mode: GrantMode;
    readonly keeps: "NL" | "PR";
    readonly isFree: boolean;
  }
  /** Forget the block. */
  | { readonly kind: "drop"; readonly to: string; readonly turn: number };

/** A request that waits for its turn. */
export interface KeeperRequest {
  readonly member: string;
  readonly mode: GrantMode;
}

/** A turn that is under way. */
export interface KeeperTurn extends KeeperRequest {
  readonly number: number;
  /** Holders that have yet to say that they forgot it. */
  readonly dropping: readonly string[];
  /** Who sends the image, and has the block until its end; undefined when nobody does, or has it no more. */
  readonly sender: string | undefined;
  /** Whether the asker may use the image without a grant. */
  readonly isFree: boolean;
}

/** One block, as its keeper knows it. */
export interface KeptBlock {
  readonly exclusive: string | undefined;
  readonly sharers: readonly string[];
  /** The last exclusive holder, as long as the block may not be home: it answers for it. */
  readonly owner: string | undefined;
  readonly queue: readonly KeeperRequest[];
  readonly turn: KeeperTurn | undefined;
  readonly turns: number;
}

/** A block that nobody holds. */
export const UNHELD: KeptBlock = {
  exclusive: undefined,
  sharers: [],
  owner: undefined,
  queue: [],
  turn: undefined,
  turns: 0,
};

/** What members tell the keeper. */
export type KeeperEvent =
  | { readonly kind: "ask"; readonly from: string; readonly mode: GrantMode }
  /** It has the block by the image of this turn. */
  | { readonly kind: "got"; readonly from: string; readonly turn: number }
  /** It forgot the block, as it was told. */
  | { readonly kind: "dropped"; readonly from: string; readonly turn: number }
  /** The block is home, and no image of this turn comes, or comes again. */
  | { readonly kind: "unsent"; readonly from: string; readonly turn: number }
  /** It gives up the block, which it had by this turn; if it owned it, the block is home. */
  | { readonly kind: "give"; readonly from: string; readonly turn: number };

/** A step: the block as it is then, and what is told. */
export interface KeeperStep {
  readonly block: KeptBlock;
  readonly messages: readonly KeeperMessage[];
}

/** What follows an event. */
export function keeperStep(block: KeptBlock, event: KeeperEvent): KeeperStep {
  switch (event.kind) {
    case "ask":
      return serve({ ...block, queue: [...block.queue, { member: event.from, mode: event.mode }] });
    case "got":
      return block.turn?.number === event.turn ? serve(ended(block, block.turn)) : still(block);
    case "dropped":
      return block.turn?.number === event.turn ? dropped(block, block.turn, event.from) : still(block);
    case "unsent":
      return block.turn?.number === event.turn ? withoutImage(block, block.turn) : still(block);
    case "give":
      return given(block, event.from, event.turn);
  }
}

function still(block: KeptBlock): KeeperStep {
  return { block, messages: [] };
}

/** Begins turns as long as none is under way. */
function serve(block: KeptBlock, messages: readonly KeeperMessage[] = []): KeeperStep {
  const request = block.queue[0];
  if (block.turn !== undefined || request === undefined) return { block, messages };
  const number = block.turns + 1;
  const begun = { ...block, queue: block.queue.slice(1), turns: number };
  const step = request.mode === "PR" ? share(begun, request, number) : exclude(begun, request, number);
  return serve(step.block, [...messages, ...step.messages]);
}

function share(block: KeptBlock, request: KeeperRequest, number: number): KeeperStep {
  const { member } = request;
  const sender = block.exclusive ?? block.owner;
  if (sender === undefined || sender === member) {
    const sharers = [...block.sharers.filter((it) => it !== member), member];
    const source = sender === member || block.sharers.includes(member) ? "held" : "volume";
    return {
      block: sender === member && block.exclusive === member ? block : { ...block, sharers },
      messages: [{
        kind: "grant",
        to: member,
        turn: number,
        mode: block.exclusive === member ? "EX" : "PR",
        source,
      }],
    };
  }
  const turn: KeeperTurn = { ...request, number, dropping: [], sender, isFree: true };
  return {
    block: { ...block, turn },
    messages: [{
      kind: "demand",
      to: sender,
      turn: number,
      asker: member,
      mode: "PR",
      keeps: "PR",
      isFree: true,
    }],
  };
}

function exclude(block: KeptBlock, request: KeeperRequest, number: number): KeeperStep {
  const { member } = request;
  const holders = block.exclusive === undefined ? block.sharers : [block.exclusive];
  const dropping = holders.filter((it) => it !== member);
  if (dropping.length === 0) {
    const source = holders.includes(member) ? "held" : "volume";
    return {
      block: { ...block, exclusive: member, sharers: [], owner: member },
      messages: [{ kind: "grant", to: member, turn: number, mode: "EX", source }],
    };
  }
  const owner = block.exclusive ?? block.owner;
  const sender = owner !== undefined && owner !== member && dropping.includes(owner) ? owner : undefined;
  const isFree = sender !== undefined && dropping.length === 1;
  const turn: KeeperTurn = { ...request, number, dropping: isFree ? [] : dropping, sender, isFree };
  const messages = dropping.map((to): KeeperMessage =>
    to === sender
      ? { kind: "demand", to, turn: number, asker: member, mode: "EX", keeps: "NL", isFree }
      : { kind: "drop", to, turn: number }
  );
  return { block: { ...block, turn }, messages };
}

/** The block once the turn's asker has it. */
function ended(block: KeptBlock, turn: KeeperTurn): KeptBlock {
  const { member, mode, sender } = turn;
  if (mode === "EX") {
    return { ...block, exclusive: member, sharers: [], owner: member, turn: undefined };
  }
  const stay = block.exclusive === undefined ? block.sharers : [block.exclusive];
  const sharers = [...stay.filter((it) => it !== member), member];
  return { ...block, exclusive: undefined, sharers, owner: block.owner ?? sender, turn: undefined };
}

function dropped(block: KeptBlock, turn: KeeperTurn, from: string): KeeperStep {
  if (!turn.dropping.includes(from)) return still(block);
  const dropping = turn.dropping.filter((it) => it !== from);
  return settled({ ...block, sharers: block.sharers.filter((it) => it !== from) }, { ...turn, dropping });
}

/** Grants once nobody has to forget the block any more. */
function settled(block: KeptBlock, turn: KeeperTurn): KeeperStep {
  if (turn.dropping.length > 0 || turn.isFree) return still({ ...block, turn });
  const { member, mode, number, sender } = turn;
  const source = sender !== undefined ? "image" : block.sharers.includes(member) ? "held" : "volume";
  const grant: KeeperMessage = { kind: "grant", to: member, turn: number, mode, source };
  // Who waits for an image says when it has it; else the turn is over.
  if (sender !== undefined) {
    return { block: { ...block, turn: { ...turn, isFree: true } }, messages: [grant] };
  }
  return serve(ended(block, turn), [grant]);
}

/**
 * Somebody gave the block up by itself. If it had it by the turn that is under way, it has sent its image:
 * the turn waits until that is there, for were it over, the image could come when others have changed the
 * block. If by an earlier one, it will never do what it was told in this.
 */
function given(block: KeptBlock, from: string, by: number): KeeperStep {
  const without: KeptBlock = {
    ...block,
    exclusive: block.exclusive === from ? undefined : block.exclusive,
    sharers: block.sharers.filter((it) => it !== from),
    owner: block.owner === from ? undefined : block.owner,
  };
  const { turn } = block;
  if (turn === undefined) return still(without);
  if (turn.sender !== from) {
    const dropping = turn.dropping.filter((it) => it !== from);
    return dropping.length === turn.dropping.length
      ? still(without)
      : settled(without, { ...turn, dropping });
  }
  if (by === turn.number) return still({ ...without, turn: { ...turn, sender: undefined } });
  const dropping = turn.dropping.filter((it) => it !== from);
  return withoutImage(without, { ...turn, dropping });
}

/** No image will come: the block is home. */
function withoutImage(block: KeptBlock, turn: KeeperTurn): KeeperStep {
  return settled(block, { ...turn, sender: undefined, isFree: false });
}
