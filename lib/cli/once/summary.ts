import { bar } from "../screen/glyphs.ts";
import { createPaint, type Paint, wantsColours } from "../screen/paint.ts";
import { left, right, whole } from "../screen/text.ts";
import type { StartOptions } from "../start.ts";
import type { FinishedRun } from "./once.ts";
import { counted } from "./progress.ts";

const BAR_COLUMNS = 30;

/** What a run prints when it is over. */
export function summary(run: FinishedRun, options: StartOptions): string {
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const { json, verification } = run;
  const rows: [string, string][] = [
    ["events published", whole(json.events)],
    ["  malformed or implausible", whole(json.malformed)],
    ["  duplicates", whole(json.duplicates)],
    ["  late", whole(json.late)],
    ["dead letters of delays", whole(json.deadLettered)],
    ["documents", options.cosmosSinks ? whole(json.results) : "none (--sink none)"],
    ["worker killed", counted(run.kills, "time")],
    ["time", `${json.seconds.toFixed(1)} s`],
    ["events per second", whole(json.eventsPerSecond)],
    ["accepted → delivered", `p50 ${whole(json.latencyMs.p50)} ms, p99 ${whole(json.latencyMs.p99)} ms`],
  ];
  const table = rows.map(([name, value]) => `  ${left(name, 28)}${right(value, 28)}`);
  return `\n${[...table, "", ...chart(run, paint), "", ...verdict(verification, paint)].join("\n")}\n`;
}

/** Where each pipeline's events went, as bars. */
function chart({ verification }: FinishedRun, paint: Paint): string[] {
  const most = Math.max(1, ...Object.values(verification.ledgers).map(({ processed }) => processed));
  return Object.entries(verification.ledgers).map(([name, ledger]) => {
    const mark = ledger.balanced ? paint.accent("balanced") : paint.bad("does not balance");
    return `  ${left(name, 8)}${left(bar(ledger.processed / most, BAR_COLUMNS), BAR_COLUMNS)} ${right(whole(ledger.processed), 10)} events  ${mark}`;
  });
}

/** What the verification comes to, with the first differences in words. */
export function verdict(verification: FinishedRun["verification"], paint: Paint): string[] {
  const { differences, firstDifferences, balanced } = verification;
  if (differences === 0 && balanced) {
    return [`  ${paint.accent("✔")} ${paint.bold("0 differences")} from a plain recomputation; every ledger balances.`];
  }
  const more = differences - firstDifferences.length;
  return [
    `  ${paint.bad("✘")} ${paint.bold(`${whole(differences)} differences`)}${balanced ? "" : ", and a ledger does not balance"}:`,
    ...firstDifferences.map((text) => `    ${text}`),
    ...(more > 0 ? [`    … and ${whole(more)} more`] : []),
  ];
}
