/**
 * Segment follower: who is told which files a journal has, before they come and before they go (types only).
 */

/** A segment as it begins. */
export interface SegmentBegun {
  /** From 1. */
  readonly number: number;
  /** Position of its first frame. */
  readonly base: number;
  /** The highest stamp known when its header was made: its groups stand above. */
  readonly stamp: number;
  /** No group of it stands above this. */
  readonly ceiling: number;
}

/** Who is told. Whatever it does with it, the journal goes on: its promises never reject. */
export interface SegmentFollower {
  /** A segment is about to be made, or its header to be made anew; its file is not touched before. */
  begins(segment: SegmentBegun): Promise<void>;
  /** Nothing more is added to a segment, which ends at this position. */
  ended(number: number, end: number): void;
  /** Segments below this one are needed no more; none of them is removed before. */
  dropped(floor: number): Promise<void>;
  /** A dropped segment's file is gone. */
  gone(number: number): void;
}
