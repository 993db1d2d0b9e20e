import { FAULT_KINDS, type FaultKind } from "../../testing/simulator/faults.ts";
import type { ManyResult } from "../../testing/simulator/run-many.ts";
import { counted } from "../once/progress.ts";
import { bar } from "../screen/glyphs.ts";
import { createPaint, type Paint } from "../screen/paint.ts";
import { clock, left, right, whole } from "../screen/text.ts";

const NAME_COLUMNS = 18;
const COUNT_COLUMNS = 9;
const BAR_COLUMNS = 16;

export interface FinishedSim {
  readonly result: ManyResult;
  readonly seconds: number;
  /** Of processor time. */
  readonly seedsPerCpuSecond: number;
  /** The first that failed. */
  readonly failed: readonly FailedSeed[];
}

/** A seed that failed, as little of it as still fails. */
export interface FailedSeed {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What to type to see it again. */
  readonly command: string;
}

/** What a run of many seeds prints when it is over: the verdict, its pace, and how often each fault happened. */
export function summary({ result, seconds, seedsPerCpuSecond, failed }: FinishedSim, colours: boolean): string {
  const paint = createPaint(colours);
  const { seeds, violations, least, secondsVirtual } = result;
  const good = violations === 0;
  const verdict = `${good ? paint.accent("✔") : paint.bad("✘")} ${paint.bold(counted(violations, "violation"))}`;
  const rate = `${(seeds / seconds).toFixed(1)} seeds a second, ${seedsPerCpuSecond} a second of processor time`;
  const virtual = `${clock(secondsVirtual * 1000)} h of virtual time in ${seconds.toFixed(1)} s`;
  const size = [
    ...(least === undefined ? [] : [counted(least.partitions, "partition"), counted(least.events, "event")]),
    ...(least === undefined ? [] : [counted(least.faults, "fault"), counted(least.takeOvers, "take-over")]),
  ];
  return [
    "",
    `  ${verdict} in ${counted(seeds, "seed")}`,
    ...failed.flatMap(({ violations, command }) => ["", `    ${violations[0]}`, `    ${paint.accent(command)}`]),
    "",
    `  ${left(paint.dim("pace"), NAME_COLUMNS)}${rate}`,
    `  ${left("", NAME_COLUMNS)}${virtual}`,
    `  ${left(paint.dim("in each at least"), NAME_COLUMNS)}${size.join(", ")}`,
    "",
    ...chart(result.faults, paint),
    `  ${paint.dim("The bars grow with the logarithm.")}`,
    "",
  ].join("\n");
}

/** Every kind of fault with its number and a bar, in two columns: one that never happened shows, too. */
function chart(faults: ManyResult["faults"], paint: Paint): string[] {
  const most = Math.max(1, ...Object.values(faults));
  const cell = (kind: FaultKind): string => {
    const count = faults[kind] ?? 0;
    const name = left(paint.dim(kind), NAME_COLUMNS);
    // The counts differ by orders of magnitude.
    const share = Math.log1p(count) / Math.log1p(most);
    return `${name}${right(whole(count), COUNT_COLUMNS)}  ${left(paint.accent(bar(share, BAR_COLUMNS)), BAR_COLUMNS)}`;
  };
  const half = Math.ceil(FAULT_KINDS.length / 2);
  return FAULT_KINDS.slice(0, half).map((kind, row) => {
    const beside = FAULT_KINDS[half + row];
    return `  ${cell(kind)}  ${beside === undefined ? "" : cell(beside)}`.trimEnd();
  });
}
