import { WAITING } from "../../engine/sink.ts";
import { LIMITS } from "./limits.ts";
import type { Row } from "./rows.ts";

interface WaitingRow {
  readonly folder: string;
  readonly id: string;
  readonly due: number;
  readonly row: Row;
  readonly bytes: number;
  /** Whether the log holds it, or an earlier version of it. */
  stored: boolean;
  /** False once it has left, or another version has come. */
  waits: boolean;
}

interface WaitingFolder {
  /** The watermark at which no more rows are to be expected. */
  due: number;
  bytes: number;
  readonly rows: Map<string, WaitingRow>;
}

/** A row that leaves, with its size. */
export interface LeavingRow {
  readonly row: Row;
  readonly bytes: number;
}

/** How the log keeps a waiting row, under WAITING + folder + "\n" + id. */
type StoredRow = readonly [due: number, row: Row, bytes: number];

/** The rows of a task that were committed, or are about to be, and are in no file yet: by folder, in order. */
export class Waiting {
  readonly #folders = new Map<string, WaitingFolder>();
  /** Rows that came, and names of rows that left, since the log was told. */
  #fresh: WaitingRow[] = [];
  #gone: string[] = [];
  #bytes = 0;
  #next = 0;

  constructor(state: ReadonlyMap<string, unknown>) {
    const stored = [...state].filter(([key]) => key.startsWith(WAITING)) as [string, StoredRow][];
    for (const [key, [due, row, bytes]] of stored.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const split = key.indexOf("\n");
      const id = key.slice(split + 1);
      this.#put({ folder: key.slice(WAITING.length, split), id, due, row, bytes, stored: true, waits: true });
      if (id.startsWith("#")) this.#next = Math.max(this.#next, Number(id.slice(1)) + 1);
    }
  }

  /** Takes a row in; one of the same key and folder that still waits is replaced. */
  add(folder: string, key: string | undefined, due: number, { row, bytes }: LeavingRow): void {
    // Padded, so that rows without a key come back in their order.
    const id = key === undefined ? `#${String(this.#next++).padStart(12, "0")}` : `=${key}`;
    const fresh: WaitingRow = { folder, id, due, row, bytes, stored: false, waits: true };
    this.#fresh.push(fresh);
    this.#put(fresh);
  }

  /** Takes out the folders that have ended, those that fill a file, and the next to end where too much waits. */
  take(watermark: number): [folder: string, rows: readonly LeavingRow[]][] {
    const names = [...this.#folders.keys()].sort();
    const ready = names.filter((name) => {
      const { due, bytes, rows } = this.#folders.get(name) as WaitingFolder;
      return due <= watermark || bytes >= LIMITS.fileBytes || rows.size >= LIMITS.fileRows;
    });
    const left = ready.map((name): [string, readonly LeavingRow[]] => [name, this.#remove(name)]);
    for (const name of this.#byEnd()) {
      if (this.#bytes <= LIMITS.waitingBytes && this.#folders.size <= LIMITS.waitingFolders) break;
      left.push([name, this.#remove(name)]);
    }
    return left;
  }

  /** The watermark at which a folder will end; undefined when nothing waits. */
  get nextEnd(): number | undefined {
    let next: number | undefined;
    for (const { due } of this.#folders.values()) next = Math.min(next ?? due, due);
    return next;
  }

  /** What the log must learn; key, value, key, value … */
  changes(): unknown[] {
    const entries: unknown[] = [];
    for (const row of this.#fresh) {
      row.stored = true;
      if (row.waits) entries.push(nameOf(row), [row.due, row.row, row.bytes] satisfies StoredRow);
    }
    for (const name of this.#gone) entries.push(name, undefined);
    this.#fresh = [];
    this.#gone = [];
    return entries;
  }

  #put(row: WaitingRow): void {
    let folder = this.#folders.get(row.folder);
    if (folder === undefined) {
      folder = { due: row.due, bytes: 0, rows: new Map() };
      this.#folders.set(row.folder, folder);
    }
    const before = folder.rows.get(row.id);
    if (before !== undefined) {
      row.stored ||= before.stored;
      before.waits = false;
      // The latest version goes behind what came before it.
      folder.rows.delete(row.id);
    }
    const grown = row.bytes - (before?.bytes ?? 0);
    folder.due = Math.max(folder.due, row.due);
    folder.bytes += grown;
    this.#bytes += grown;
    folder.rows.set(row.id, row);
  }

  #remove(name: string): readonly LeavingRow[] {
    const { rows, bytes } = this.#folders.get(name) as WaitingFolder;
    this.#folders.delete(name);
    this.#bytes -= bytes;
    for (const row of rows.values()) {
      row.waits = false;
      if (row.stored) this.#gone.push(nameOf(row));
    }
    return [...rows.values()];
  }

  #byEnd(): string[] {
    return [...this.#folders]
      .sort(([a, one], [b, other]) => one.due - other.due || (a < b ? -1 : 1))
      .map(([name]) => name);
  }
}

function nameOf({ folder, id }: WaitingRow): string {
  return `${WAITING}${folder}\n${id}`;
}
