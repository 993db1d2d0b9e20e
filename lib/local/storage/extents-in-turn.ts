import { Readable } from "node:stream";

/** The part of Azurite's store of extents, its files of content, that is changed here. */
interface ExtentStore {
  readExtent(chunk: unknown, contextId: unknown): Promise<Readable>;
}

const changed = new WeakSet<object>();

/**
 * Lets a blob's extents be opened one after the other, as they are read. Azurite opens a file for each append of a blob
 * at once, and a dozen logs of a thousand appends each are more files than a process may hold: it would end.
 */
export function openExtentsInTurn({ prototype }: { readonly prototype: ExtentStore }): void {
  if (changed.has(prototype)) return;
  changed.add(prototype);
  const { readExtent } = prototype;
  prototype.readExtent = async function (this: ExtentStore, chunk, contextId) {
    const content = async function* (store: ExtentStore): AsyncGenerator<Buffer> {
      yield* await readExtent.call(store, chunk, contextId);
    };
    return Readable.from(content(this), { objectMode: false });
  };
}
