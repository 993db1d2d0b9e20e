import type { StateContents, StoreChange } from "./frame.ts";

/** The store of the messages that were brought back, so that bringing one back twice is bringing it back once. */
export const REDRIVE_STORE = "$redrives";

/**
 * The application property of a message that brings back a dead letter or a late event: which message of this partition
 * it was, and its key. `sequenceNumber`, and `;key` when it had one.
 */
export const REDRIVE_PROPERTY = "tidemark-redrive";

/**
 * The application property that says "update" where a message that is late by now may update a window that is closed and
 * kept; without it, it becomes a late event.
 */
export const REDRIVE_LATE_PROPERTY = "tidemark-redrive-late";

export interface RedriveHeader {
  readonly sequenceNumber: number;
  readonly key: string | undefined;
}

/** The text form of a header. */
export function formatRedrive({ sequenceNumber, key }: RedriveHeader): string {
  return key === undefined ? String(sequenceNumber) : `${sequenceNumber};${key}`;
}

/** Reads a header; undefined when the property is absent or not one. */
export function parseRedrive(value: unknown): RedriveHeader | undefined {
  const [, number, key] = typeof value === "string" ? (/^(\d{1,15})(?:;(.*))?$/s.exec(value) ?? []) : [];
  return number === undefined ? undefined : { sequenceNumber: Number(number), key };
}

/** Which messages were brought back so far. They are few, since a person asked for each, and kept for ever. */
export class Redrives {
  readonly #known: Set<string>;
  #entries: unknown[] = [];

  constructor(state: StateContents) {
    this.#known = new Set(state.get(REDRIVE_STORE)?.get(0)?.keys());
  }

  /** Whether a message was brought back before. */
  knows({ sequenceNumber }: RedriveHeader): boolean {
    return this.#known.has(String(sequenceNumber));
  }

  /** Takes note of a message that is done with. */
  note({ sequenceNumber }: RedriveHeader): void {
    const id = String(sequenceNumber);
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.#entries.push(id, 1);
  }

  changes(): readonly StoreChange[] {
    if (this.#entries.length === 0) return [];
    const entries = this.#entries;
    this.#entries = [];
    return [{ store: REDRIVE_STORE, bucket: 0, entries }];
  }
}
