import type { TableReader } from "../engine/ports.ts";
import type { Connections } from "../engine/sink.ts";

/** Where a table's rows come from, as a value; it does no I/O until a task opens it. */
export interface TableSource {
  readonly kind: string;
  /** What infrastructure and pictures need to know, as plain data. */
  readonly target: TableTarget;
  open(connections: Connections): TableReader;
}

export type TableTarget =
  | { readonly kind: "blob"; readonly connection: string; readonly container: string; readonly blob: string }
  | { readonly kind: "cosmos"; readonly connection: string; readonly database: string; readonly container: string }
  | { readonly kind: "memory"; readonly name: string };
