import { TidemarkError } from "../errors.ts";

/**
 * What the checkpoint log needs from blob storage: seven calls, each atomic. A call that may or may not have happened
 * (time-out, lost connection, server error, throttling) throws a retryable UNAVAILABLE, and nothing else does.
 */
export interface BlobPort {
  /** Every blob whose name begins with the prefix, in order of name; sees all that was acknowledged before the call. */
  list(prefix: string): Promise<readonly BlobItem[]>;
  /** Creates an empty append blob; false when a blob of that name exists. */
  createAppend(name: string): Promise<boolean>;
  /** Appends at the end when the blob is exactly `position` bytes long. */
  append(name: string, position: number, bytes: Uint8Array): Promise<AppendOutcome>;
  /** Creates a blob with its contents at once; false when a blob of that name exists. */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** The bytes from `from` up to `to` or the end, whichever comes first; undefined when there is no such blob. */
  read(name: string, from: number, to: number): Promise<Uint8Array | undefined>;
  /** The length in bytes; undefined when there is no such blob. */
  size(name: string): Promise<number | undefined>;
  /** Deletes a blob; does nothing when it is gone already. */
  remove(name: string): Promise<void>;
}

export interface BlobItem {
  readonly name: string;
  readonly size: number;
}

/** "elsewhere": the blob has another length than the append expected. */
export type AppendOutcome = "appended" | "elsewhere" | "missing";

/** The error of a call that may or may not have happened; `reason` says in a few words why nobody knows. */
export function ambiguous(call: string, blob: string, cause?: unknown, reason?: string): TidemarkError {
  const because = reason ? `: ${reason}` : "";
  return new TidemarkError("UNAVAILABLE", `Blob storage did not answer for sure: ${call} of "${blob}"${because}.`, {
    retryable: true,
    cause,
  });
}
