import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import type { TableRows } from "../engine/tables.ts";
import { TidemarkError } from "../errors.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";
import type { Table } from "../stream/table.ts";

export interface JoinTableOptions<T> extends StageOptions {
  /** The key to look up; default: the key of the stream. */
  readonly on?: (value: T) => string;
  /** What becomes of an event without a row: passed to the join as undefined (default), or a dead letter. */
  readonly missing?: "pass" | "dead-letter";
}

type Join = (value: unknown, row: unknown) => unknown;

/** The plan's node for `.joinTable(name, table, join, options)`. */
export function joinTableNode(
  name: string,
  table: Table<unknown>,
  join: (value: never, row: never) => unknown,
  options: JoinTableOptions<never>,
): StageNode {
  const { on, missing, onError } = options as JoinTableOptions<unknown>;
  return {
    kind: "joinTable",
    name,
    tables: [table],
    onError,
    open: (opening) => new JoinTableOperator(opening, table, join as Join, on, missing === "dead-letter"),
  };
}

class JoinTableOperator extends Operator {
  readonly #table: Table<unknown>;
  readonly #rows: TableRows;
  readonly #join: Join;
  readonly #on: ((value: unknown) => string) | undefined;
  readonly #required: boolean;

  constructor(
    opening: StageOpening,
    table: Table<unknown>,
    join: Join,
    on: ((value: unknown) => string) | undefined,
    required: boolean,
  ) {
    super(opening);
    this.#table = table;
    this.#rows = opening.tables.of(table);
    this.#join = join;
    this.#on = on;
    this.#required = required;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const key = this.#on ? this.#on(value) : context.key;
    const row = key === undefined ? undefined : this.#rows.rows.get(key);
    if (row === undefined && this.#required) {
      throw new TidemarkError("STAGE_FAILED", `Table "${this.#table.name}" has no row for ${JSON.stringify(key)}.`, {
        stage: this.name,
        fix: 'Add the row, or join with { missing: "pass" } and a default.',
      });
    }
    const joined = this.#join(value, row);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    this.next.process(joined, context);
  }
}
