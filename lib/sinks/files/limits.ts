const MIB = 1024 * 1024;

/** Bounds of a files sink, per task; sizes are those of rows as JSON. */
export const LIMITS = {
  /** The largest row: a larger one becomes a dead letter. */
  rowBytes: MIB,
  /** A file takes no more; what exceeds it goes on in another part. */
  fileBytes: 32 * MIB,
  fileRows: 100_000,
  /** Files that one entry of the manifest lists; a commit with more has several. */
  batchFiles: 1_000,
  /** Rows that wait for their folder's end: beyond it, the folders that end first are written early. */
  waitingBytes: 64 * MIB,
  waitingFolders: 1_000,
  /** Uploads at the same time. */
  uploads: 8,
} as const;
