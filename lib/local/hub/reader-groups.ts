import { type Condition, exclusiveReaderExists, higherEpochExists, stolen, tooManyReaders } from "./conditions.ts";

/** A reader as its rivals for the same partition and consumer group see it. */
export interface Rival {
  readonly name: string;
  /** The owner level; only one reader with one may be there, and none without one beside it. */
  readonly epoch: number | undefined;
  /** It lost its place. */
  disconnect(reason: Condition): void;
}

const mostReaders = 5;

/** Who reads which partition in which consumer group, and who must give way to whom. */
export class ReaderGroups {
  readonly #groups = new Map<string, Set<Rival>>();

  /** Lets the reader in, at the expense of those it may push out; or says why not. */
  admit(place: string, reader: Rival): Condition | undefined {
    const rivals = this.#groups.get(place) ?? new Set();
    const owner = [...rivals].find((rival) => rival.epoch !== undefined);
    if (reader.epoch === undefined) {
      if (owner !== undefined) return exclusiveReaderExists(owner.epoch as number);
      if (rivals.size >= mostReaders) return tooManyReaders([...rivals].map((rival) => rival.name));
    } else {
      if (owner !== undefined && (owner.epoch as number) > reader.epoch) {
        return higherEpochExists(owner.name, owner.epoch as number, reader.name, reader.epoch);
      }
      for (const rival of rivals) rival.disconnect(stolen(reader.name, reader.epoch, rival.name, rival.epoch));
      rivals.clear();
    }
    rivals.add(reader);
    this.#groups.set(place, rivals);
    return undefined;
  }

  leave(place: string, reader: Rival): void {
    const rivals = this.#groups.get(place);
    if (rivals?.delete(reader) && rivals.size === 0) this.#groups.delete(place);
  }

  get readers(): number {
    return [...this.#groups.values()].reduce((sum, rivals) => sum + rivals.size, 0);
  }
}
