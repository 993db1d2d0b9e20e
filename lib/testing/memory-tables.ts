import type { StageNode } from "../stream/plan.ts";
import type { Table } from "../stream/table.ts";

/** A stage whose tables hold the given rows; it opens as before, under the original tables' names. */
export function withTables(stage: StageNode, rows: Readonly<Record<string, readonly unknown[]>>): StageNode {
  if (stage.tables === undefined) return stage;
  const replaced = new Map(stage.tables.map((table) => [table, memoryTable(table, rows[table.name] ?? [])]));
  return {
    ...stage,
    tables: [...replaced.values()],
    open: (opening) =>
      stage.open({ ...opening, tables: { of: (table) => opening.tables.of(replaced.get(table) ?? table) } }),
  };
}

function memoryTable(table: Table<unknown>, rows: readonly unknown[]): Table<unknown> {
  const reader = { load: async () => ({ version: "1", rows }) };
  return { ...table, from: { kind: "memory", target: { kind: "memory", name: table.name }, open: () => reader } };
}
