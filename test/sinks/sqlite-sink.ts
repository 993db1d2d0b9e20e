import type { DatabaseSync } from "node:sqlite";
import { ALL_DELIVERED, type FrameStamp, type Sink, type SinkTask, TidemarkError } from "tidemark";

/** What a shop has sold. */
export interface Total {
  readonly shop: string;
  readonly amount: number;
}

const LONGEST_SHOP = 100;

/** A sink that is not part of Tidemark, as docs/own-sink.md tells how to write one: upserts into a table of SQLite. */
export function sqlite(database: DatabaseSync, table: string): Sink<Total> {
  return {
    kind: "sqlite",
    name: `sqlite:${table}`,
    target: { kind: "custom", name: table },
    open: async () => {
      database.exec(
        `CREATE TABLE IF NOT EXISTS "${table}" (shop TEXT PRIMARY KEY, amount REAL, task TEXT, generation INT, sequence INT)`,
      );
      return new SqliteTask(database, table);
    },
  };
}

class SqliteTask implements SinkTask<Total> {
  readonly #database: DatabaseSync;
  readonly #table: string;

  constructor(database: DatabaseSync, table: string) {
    this.#database = database;
    this.#table = table;
  }

  /** What can never be written is refused here: it becomes a dead letter, and the rest goes on. */
  prepare({ shop, amount }: Total): Total {
    if (shop.length > LONGEST_SHOP) {
      throw new TidemarkError("SINK_REFUSED", `A shop's name has at most ${LONGEST_SHOP} characters.`);
    }
    return { shop, amount };
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal) {
    if (signal.aborted) throw away(signal.reason);
    try {
      this.#write(messages as readonly Total[], stamp);
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      throw away(error);
    }
    return ALL_DELIVERED;
  }

  async close(): Promise<void> {}

  #write(totals: readonly Total[], { pipeline, partition, generation, sequence }: FrameStamp): void {
    const task = `${pipeline}/${partition}`;
    // Equal sequence is this very frame: its last version of a shop wins, however often it is delivered.
    const upsert = this.#database.prepare(
      `INSERT INTO "${this.#table}" AS old VALUES (?, ?, ?, ?, ?) ON CONFLICT (shop)
       DO UPDATE SET amount = excluded.amount, generation = excluded.generation, sequence = excluded.sequence
       WHERE old.task = excluded.task AND (old.generation, old.sequence) <= (excluded.generation, excluded.sequence)`,
    );
    const owner = this.#database.prepare(`SELECT task FROM "${this.#table}" WHERE shop = ?`);
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const { shop, amount } of totals) {
        const { changes } = upsert.run(shop, amount, task, generation, sequence);
        if (changes === 0 && owner.get(shop)?.task !== task) {
          throw new TidemarkError("FOREIGN_DOCUMENT", `The row of shop "${shop}" was written by another task.`, {
            fix: "Publish to the hub with the shop as partition key.",
          });
        }
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Trouble that may pass: the frame stays pending and is delivered again. */
function away(cause: unknown): TidemarkError {
  return new TidemarkError("UNAVAILABLE", "The database did not take everything.", { retryable: true, cause });
}
