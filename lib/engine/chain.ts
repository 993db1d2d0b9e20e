import { SinkOperator, sinkStore } from "../operators/sink-operator.ts";
import { TeeOperator } from "../operators/tee.ts";
import type { Plan } from "../stream/plan.ts";
import type { StateContents } from "./frame.ts";
import type { LedgerRow } from "./ledger.ts";
import type { Operator } from "./operator.ts";
import type { SinkTask } from "./sink.ts";
import type { TableView } from "./tables.ts";
import { held } from "./watermark.ts";

/** The name of the ledger's first row: what the hub gave. */
export const SOURCE = "source";

const TEE = "to";
const EMPTY: ReadonlyMap<number, Map<string, unknown>> = new Map();

/** A plan's operators, linked and ready to run. */
export interface Chain {
  readonly first: Operator;
  /** Upstream first, each with what its watermark is lowered by. */
  readonly operators: readonly { readonly operator: Operator; readonly hold: number }[];
  readonly sinks: readonly SinkOperator[];
}

/** The ledger's rows for a plan: the source, every stage, the tee where there are several sinks, every sink. */
export function ledgerRows(plan: Plan): readonly LedgerRow[] {
  const names = [SOURCE, ...plan.stages.map((stage) => stage.name)];
  const rows: LedgerRow[] = names.map((stage, index) => ({ stage, input: index === 0 ? undefined : index - 1 }));
  if (plan.sinks.length > 1) rows.push({ stage: TEE, input: rows.length - 1 });
  const last = rows.length - 1;
  for (const sink of plan.sinks) rows.push({ stage: sink.name, input: last });
  return rows;
}

export interface ChainOpening {
  readonly state: StateContents;
  readonly watermark: number;
  readonly tables: TableView;
  readonly sinks: ReadonlyMap<string, SinkTask<unknown>>;
}

/** Opens a plan's stages over recovered state and links them. */
export function openChain(plan: Plan, opening: ChainOpening): Chain {
  const operators: { operator: Operator; hold: number }[] = [];
  let hold = 0;
  for (const [position, node] of plan.stages.entries()) {
    const operator = node.open({
      index: position + 1,
      name: node.name,
      store: opening.state.get(node.name) ?? EMPTY,
      watermark: held(opening.watermark, hold),
      tables: opening.tables,
    });
    operators.push({ operator, hold });
    hold += node.hold ?? 0;
  }
  const several = plan.sinks.length > 1;
  const firstSink = plan.stages.length + (several ? 2 : 1);
  const sinks = plan.sinks.map(
    ({ name }, i) => new SinkOperator(firstSink + i, name, opening.sinks.get(name) as SinkTask<unknown>),
  );
  if (several) operators.push({ operator: new TeeOperator(firstSink - 1, TEE, sinks), hold });
  const linked = operators.map(({ operator }) => operator);
  for (const [i, operator] of linked.entries()) operator.next = linked[i + 1] ?? (sinks[0] as Operator);
  const first = linked[0] ?? (sinks[0] as Operator);
  for (const operator of sinks) operators.push({ operator, hold });
  return { first, operators, sinks };
}

export { sinkStore };
