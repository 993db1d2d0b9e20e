import { messageOf, TidemarkError } from "../errors.ts";
import { validate } from "../stream/schema.ts";
import type { Table } from "../stream/table.ts";
import type { TableReader, World } from "./ports.ts";
import type { Connections } from "./sink.ts";

/** The rows of a table as a stage sees them: replaced as a whole when the table is read again. */
export interface TableRows {
  rows: ReadonlyMap<string, unknown>;
}

export interface TableView {
  of(table: Table<unknown>): TableRows;
}

interface Loaded extends TableRows {
  readonly reader: TableReader;
  version: string | undefined;
  checked: number;
}

/** Reference tables of one process, shared by its tasks. */
export class TableCache implements TableView {
  readonly #world: World;
  readonly #connections: Connections;
  readonly #tables = new Map<Table<unknown>, Promise<Loaded>>();
  readonly #ready = new Map<Table<unknown>, Loaded>();

  constructor(world: World, connections: Connections) {
    this.#world = world;
    this.#connections = connections;
  }

  of(table: Table<unknown>): TableRows {
    const loaded = this.#ready.get(table);
    if (loaded === undefined) throw new Error(`table "${table.name}" is used before it is loaded`);
    return loaded;
  }

  /** Loads what is missing and looks again at what is old; a failed second look keeps the rows that are there. */
  async refresh(tables: readonly Table<unknown>[]): Promise<void> {
    await Promise.all(tables.map((table) => this.#refresh(table)));
  }

  async #refresh(table: Table<unknown>): Promise<void> {
    let opening = this.#tables.get(table);
    if (opening === undefined) {
      opening = this.#load(table);
      this.#tables.set(table, opening);
      opening.catch(() => this.#tables.delete(table));
    }
    const loaded = await opening;
    const now = this.#world.now();
    if (now - loaded.checked < table.refresh) return;
    loaded.checked = now;
    const answer = await loaded.reader.load(loaded.version).catch(() => "unchanged" as const);
    if (answer === "unchanged") return;
    loaded.rows = index(table, answer.rows);
    loaded.version = answer.version;
  }

  async #load(table: Table<unknown>): Promise<Loaded> {
    const reader = await table.from.open(this.#connections);
    const answer = await reader.load(undefined);
    if (answer === "unchanged") throw new Error(`table "${table.name}" claims to be unchanged before it was read`);
    const rows = index(table, answer.rows);
    const loaded = { reader, rows, version: answer.version, checked: this.#world.now() };
    this.#ready.set(table, loaded);
    return loaded;
  }
}

function index(table: Table<unknown>, rows: readonly unknown[]): ReadonlyMap<string, unknown> {
  const byKey = new Map<string, unknown>();
  for (const [number, row] of rows.entries()) {
    try {
      const value = validate(table.schema, row);
      byKey.set(table.key(value), value);
    } catch (thrown) {
      throw new TidemarkError(
        "CONFIGURATION",
        `Row ${number + 1} of table "${table.name}" is not valid: ${messageOf(thrown)}.`,
        {
          fix: "Correct the row, or the table's schema.",
          cause: thrown,
        },
      );
    }
  }
  return byKey;
}
