import type { AppendOutcome, BlobItem, BlobPort } from "../checkpoint/blob-port.ts";

/** A call of the port, for hooks that delay, drop or repeat it. */
export interface BlobCall {
  readonly call: keyof BlobPort;
  /** The blob's name, or the prefix of a listing. */
  readonly blob: string;
  /** How many bytes are sent. */
  readonly bytes: number;
}

/**
 * Stands between a caller and the storage. `proceed` makes the call happen, at once and atomically, as often as it is
 * called: a lost acknowledgement calls it and throws `ambiguous(…)`, a late landing throws first and calls it later,
 * a refusal never calls it.
 */
export type BlobHook = <T>(call: BlobCall, proceed: () => T) => Promise<T>;

/** Blob storage in memory, with the semantics of the service. */
export interface MemoryBlobs extends BlobPort {
  /** The same storage as seen over another connection. */
  via(hook: BlobHook): BlobPort;
  /** How often each call happened. */
  readonly calls: Readonly<Record<keyof BlobPort, number>>;
  /** The bytes of a blob for a test to look at or to spoil; undefined when there is none. */
  contents(name: string): Buffer | undefined;
}

/** Empty blob storage in memory. */
export function memoryBlobs(hook: BlobHook = direct): MemoryBlobs {
  const storage = new Storage();
  return {
    ...connect(storage, hook),
    via: (other) => connect(storage, other),
    calls: storage.calls,
    contents: (name) => storage.bytes(name),
  };
}

const direct: BlobHook = async (_call, proceed) => proceed();

function connect(storage: Storage, hook: BlobHook): BlobPort {
  const through = <T>(call: keyof BlobPort, blob: string, bytes: number, run: () => T): Promise<T> =>
    hook({ call, blob, bytes }, () => {
      storage.calls[call]++;
      return run();
    });
  // What is sent is copied when the call is made: it may land after the caller reused its buffer.
  return {
    list: (prefix) => through("list", prefix, 0, () => storage.list(prefix)),
    createAppend: (name) => through("createAppend", name, 0, () => storage.create(name, true, [])),
    append: (name, position, bytes) => {
      const sent = Buffer.from(bytes);
      return through("append", name, sent.length, () => storage.append(name, position, sent));
    },
    create: (name, bytes) => {
      const sent = Buffer.from(bytes);
      return through("create", name, sent.length, () => storage.create(name, false, [sent]));
    },
    read: (name, from, to) => through("read", name, 0, () => storage.bytes(name)?.subarray(from, to)),
    size: (name) => through("size", name, 0, () => storage.bytes(name)?.length),
    remove: (name) => through("remove", name, 0, () => storage.remove(name)),
  };
}

const APPEND_LIMIT = 50_000;
const BLOCK_LIMIT = 100 * 1024 * 1024;

interface StoredBlob {
  readonly appendable: boolean;
  bytes: Buffer;
  length: number;
  appends: number;
}

class Storage {
  readonly #blobs = new Map<string, StoredBlob>();
  readonly calls: Record<keyof BlobPort, number> = {
    list: 0,
    createAppend: 0,
    append: 0,
    create: 0,
    read: 0,
    size: 0,
    remove: 0,
  };

  list(prefix: string): BlobItem[] {
    const items: BlobItem[] = [];
    for (const [name, { length }] of this.#blobs) if (name.startsWith(prefix)) items.push({ name, size: length });
    return items.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  create(name: string, appendable: boolean, contents: readonly Buffer[]): boolean {
    if (this.#blobs.has(name)) return false;
    const bytes = Buffer.concat(contents);
    this.#blobs.set(name, { appendable, bytes, length: bytes.length, appends: 0 });
    return true;
  }

  append(name: string, position: number, bytes: Buffer): AppendOutcome {
    const blob = this.#blobs.get(name);
    if (blob === undefined) return "missing";
    if (!blob.appendable) throw new Error(`"${name}" is no append blob.`);
    if (bytes.length === 0 || bytes.length > BLOCK_LIMIT) throw new Error(`Cannot append ${bytes.length} bytes.`);
    if (blob.length !== position) return "elsewhere";
    if (blob.appends === APPEND_LIMIT) throw new Error(`"${name}" has ${APPEND_LIMIT} blocks.`);
    if (blob.bytes.length < position + bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(1024, 2 * (position + bytes.length)));
      blob.bytes.copy(grown, 0, 0, position);
      blob.bytes = grown;
    }
    bytes.copy(blob.bytes, position);
    blob.length += bytes.length;
    blob.appends++;
    return "appended";
  }

  // What was read stays what it was: appends write behind it or into a new buffer.
  bytes(name: string): Buffer | undefined {
    const blob = this.#blobs.get(name);
    return blob?.bytes.subarray(0, blob.length);
  }

  remove(name: string): void {
    this.#blobs.delete(name);
  }
}
