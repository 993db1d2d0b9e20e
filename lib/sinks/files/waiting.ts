import { WAITING } from "../../engine/sink.ts";
import { LIMITS } from "./limits.ts";
import type { Row } from "./rows.ts";

interface WaitingRow {
  readonly row: Row;
  readonly bytes: number;
  /** Whether the log holds it. */
  stored: boolean;
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
  readonly #changes = new Map<string, StoredRow | undefined>();
  /** Rows that the log will hold with the coming frame. */
  #fresh: WaitingRow[] = [];
  #bytes = 0;
  #next = 0;

  constructor(state: ReadonlyMap<string, unknown>) {
    const stored = [...state].filter(([key]) => key.startsWith(WAITING)) as [string, StoredRow][];
    for (const [key, [due, row, bytes]] of stored.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const split = key.indexOf("\n");
      const id = key.slice(split + 1);
      this.#put(key.slice(WAITING.length, split), id, due, { row, bytes, stored: true });
      if (id.startsWith("#")) this.#next = Math.max(this.#next, Number(id.slice(1)) + 1);
    }
  }

  /** Takes a row in; one of the same key and folder that still waits is replaced. */
  add(folder: string, key: string | undefined, due: number, { row, bytes }: LeavingRow): void {
    // Padded, so that rows without a key come back in their order.
    const id = key === undefined ? `#${String(this.#next++).padStart(12, "0")}` : `=${key}`;
    const fresh: WaitingRow = { row, bytes, stored: false };
    this.#fresh.push(fresh);
    this.#put(folder, id, due, fresh);
    this.#changes.set(nameOf(folder, id), [due, row, bytes]);
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
    const entries = [...this.#changes].flat();
    this.#changes.clear();
    for (const row of this.#fresh) row.stored = true;
    this.#fresh = [];
    return entries;
  }

  #put(name: string, id: string, due: number, row: WaitingRow): void {
    let folder = this.#folders.get(name);
    if (folder === undefined) {
      folder = { due, bytes: 0, rows: new Map() };
      this.#folders.set(name, folder);
    }
    const before = folder.rows.get(id);
    row.stored ||= before?.stored ?? false;
    const grown = row.bytes - (before?.bytes ?? 0);
    folder.due = Math.max(folder.due, due);
    folder.bytes += grown;
    this.#bytes += grown;
    // The latest version goes behind what came before it.
    folder.rows.delete(id);
    folder.rows.set(id, row);
  }

  #remove(name: string): readonly LeavingRow[] {
    const { rows, bytes } = this.#folders.get(name) as WaitingFolder;
    this.#folders.delete(name);
    this.#bytes -= bytes;
    for (const [id, { stored }] of rows) {
      if (stored) this.#changes.set(nameOf(name, id), undefined);
      else this.#changes.delete(nameOf(name, id));
    }
    return [...rows.values()];
  }

  #byEnd(): string[] {
    return [...this.#folders]
      .sort(([a, one], [b, other]) => one.due - other.due || (a < b ? -1 : 1))
      .map(([name]) => name);
  }
}

function nameOf(folder: string, id: string): string {
  return `${WAITING}${folder}\n${id}`;
}
