/** Bounds of one checkpoint log; sizes are bytes as stored, compressed. */
export interface CheckpointLimits {
  /** Appends after which a segment is closed; a blob takes at most 50,000. */
  readonly segmentAppends: number;
  /** Bytes after which a segment is closed, whatever the size of the state. */
  readonly segmentBytes: number;
  /** A segment is also closed when it outgrew this and half of the newest snapshot: recovery then stays short. */
  readonly tailBytes: number;
  /** Larger frames are written to a blob of their own and referenced. At most 4 MiB, the smallest block limit. */
  readonly inlineBytes: number;
  /** The largest frame. */
  readonly frameBytes: number;
  /** Frames whose delivery was not confirmed. */
  readonly pendingFrames: number;
  /** How often a call to storage is tried before the log gives up. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubles with every further one, with jitter. */
  readonly backoff: number;
  /** How often an opening starts over because others wrote at the same time. */
  readonly openings: number;
  /** Keys and messages that are encoded, decoded or merged without giving way to other work. */
  readonly sliceItems: number;
  /** Milliseconds that a snapshot under construction gives way to other work after each slice. */
  readonly slicePause: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: CheckpointLimits = {
  segmentAppends: 5_000,
  segmentBytes: 64 * MIB,
  tailBytes: 8 * MIB,
  inlineBytes: 3 * MIB,
  frameBytes: 256 * MIB,
  pendingFrames: 10_000,
  attempts: 6,
  backoff: 50,
  openings: 100,
  sliceItems: 1_024,
  slicePause: 2,
};

/** Bytes from which a part of a frame is compressed: below, that takes longer than sending them. */
export const FRAME_COMPRESSED_FROM: number = 64 * 1024;

/** The same for a snapshot, which is read more often than it is written; for less, setting up takes too long. */
export const SNAPSHOT_COMPRESSED_FROM: number = 2 * 1024;

/** The largest piece that is sent in one append: every version of the service takes it. */
export const APPEND_BYTES: number = 4 * MIB;
