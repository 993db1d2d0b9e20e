import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { TidemarkError } from "tidemark";
import { sinkConformance } from "./conformance.ts";
import { sqlite, type Total } from "./sqlite-sink.ts";
import { localConnections, Owner } from "./support.ts";

/** A database of which a commit fails when it was told so. */
class FlakyDatabase extends DatabaseSync {
  failing = false;

  override exec(sql: string): void {
    if (sql === "COMMIT" && this.failing) {
      this.failing = false;
      throw new Error("disk I/O error");
    }
    super.exec(sql);
  }
}

sinkConformance<Total>("a sink of one's own (SQLite)", async () => {
  const database = new FlakyDatabase(":memory:");
  return {
    sink: sqlite(database, "totals"),
    keeps: "latest",
    value: (shop, amount) => ({ shop, amount }),
    read: async () => {
      const exists = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'totals'").get() !== undefined;
      const rows = exists ? (database.prepare("SELECT shop, amount FROM totals").all() as unknown as Total[]) : [];
      return new Map(rows.map(({ shop, amount }) => [shop, [amount]]));
    },
    impossible: () => ({ shop: "x".repeat(101), amount: 0 }),
    interrupt: () => {
      database.failing = true;
    },
    close: async () => database.close(),
  };
});

it("a sink of one's own can tell a row that another task wrote", async () => {
  const database = new DatabaseSync(":memory:");
  const connections = localConnections({});
  const [one, other] = await Promise.all(
    ["0", "1"].map((partition) => Owner.open(sqlite(database, "totals"), { connections, partition })),
  );
  await one?.deliver(one.frame([{ shop: "a", amount: 1 }]));
  const stolen = other?.frame([{ shop: "a", amount: 2 }]);
  await assert.rejects(other?.deliver(stolen as never) as Promise<unknown>, (error) => {
    return error instanceof TidemarkError && error.code === "FOREIGN_DOCUMENT";
  });
  assert.equal(database.prepare("SELECT amount FROM totals").get()?.amount, 1);
});
