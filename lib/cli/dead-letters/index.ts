import { parseArgs } from "node:util";
import type { SideKind } from "../../engine/side-record.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import { Access } from "../access.ts";
import { oneOf, wholeNumber } from "../arguments.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { whole } from "../screen/text.ts";
import { type ListedRecord, RecordCounts, recordDetails, recordTable, verdictLines } from "./print.ts";
import { readRecords, type Selection } from "./read-records.ts";
import { LATE_POLICIES, redriveRecords, type Verdict } from "./redrive.ts";
import { Redriven } from "./redriven.ts";
import type { StoredRecord } from "./stored-record.ts";

const HELP = `tidemark dead-letters list [ID…]      what was refused or came too late, the newest first
tidemark dead-letters show ID…        everything about a record: reason, stack, original bytes
tidemark dead-letters redrive [ID…]   puts events back through their pipeline

  --pipeline NAME              of one pipeline; \`redrive\` needs it, or ids
  --partition N                of one partition
  --kind dead-letter|late      of one kind; \`redrive\` takes dead letters unless told otherwise
  --limit N                    with list: how many lines (50)
  --late refuse|update|side-output
                               with redrive: what to do with events that are late by now (refuse)
  --dry-run                    with redrive: say what would happen, and do nothing
  --json                       print JSON on standard output
  --connection NAME|STRING     the storage account: a setting, or a connection string (TidemarkStorage)
  --settings FILE              local settings; the environment goes before them (local.settings.json)
  --functions FOLDER           with redrive: where the functions are (functions)

An event goes back to its own hub and partition with its original bytes, properties and key, and is processed once,
however often it is redriven. It is judged anew, by the code that runs now. An event whose window is closed stays where
it is by default. With --late update it updates the closed window, if that is still kept (tumbling(…, { keep: "7d" })),
and the new result replaces the old one; where it is not, the event stays. With --late side-output it is published, and
comes to the late events once more, or is dropped as a duplicate where a dedupe stage still knows it. The exit code is 0
when all that was selected went back, now or before.`;

const OPTIONS = {
  pipeline: { type: "string" },
  partition: { type: "string" },
  kind: { type: "string" },
  limit: { type: "string", default: "50" },
  late: { type: "string", default: "refuse" },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  connection: { type: "string", default: "TidemarkStorage" },
  settings: { type: "string", default: "local.settings.json" },
  functions: { type: "string", default: "functions" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof parse>["values"];

const ACTIONS = { list, show, redrive };

/** Runs `tidemark dead-letters`; resolves with the exit code, throws a TidemarkError for what the user can mend. */
export async function runDeadLetters(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [action = "", ...ids] = positionals;
  if (values.help || positionals.length === 0) {
    console.log(HELP);
    return 0;
  }
  const run = ACTIONS[oneOf("dead-letters", action, ["list", "show", "redrive"])];
  const access = await Access.of({ ...values, command: "tidemark dead-letters" });
  try {
    return await run(access, values, ids);
  } finally {
    await access.close();
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const fix = "tidemark dead-letters --help lists the options.";
    throw new TidemarkError("CONFIGURATION", `${messageOf(error)}.`, { fix });
  }
}

function selectionOf(values: Values, ids: readonly string[], kinds: readonly SideKind[]): Selection {
  for (const id of ids) {
    if (/^[^/]+\/\d+\/[^/]+$/.test(id)) continue;
    throw new TidemarkError("CONFIGURATION", `"${id}" is no id.`, {
      fix: "`tidemark dead-letters list` shows them, like delays/2/1234.",
    });
  }
  const { pipeline, partition, kind } = values;
  if (partition !== undefined && pipeline === undefined) {
    throw new TidemarkError("CONFIGURATION", "Option --partition needs --pipeline.");
  }
  return { pipeline, partition, ids, kinds: kind === undefined ? kinds : [oneOf("--kind", kind, BOTH)] };
}

const BOTH = ["dead-letter", "late"] as const;

async function list(access: Access, values: Values, ids: readonly string[]): Promise<number> {
  const limit = wholeNumber("--limit", values.limit, 1, 1_000_000);
  const container = await access.container();
  const counts = new RecordCounts();
  const records: StoredRecord[] = [];
  for await (const record of readRecords(container, selectionOf(values, ids, BOTH))) {
    counts.add(record);
    if (values.json || records.length < limit) records.push(record);
  }
  const listed = await Promise.all(records.map(withFate(new Redriven(container))));
  if (values.json) {
    console.log(JSON.stringify(listed.map(toJson), null, 2));
    return 0;
  }
  if (counts.total === 0) {
    console.log("There are none.");
    return 0;
  }
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const rest = counts.total - listed.length;
  const more = rest === 0 ? [] : [paint.dim(`  … and ${whole(rest)} older ones (--limit).`)];
  const table = recordTable(listed, process.stdout.columns || 120, paint);
  console.log([...counts.table(paint), "", ...table, ...more].join("\n"));
  return 0;
}

async function show(access: Access, values: Values, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) throw new TidemarkError("CONFIGURATION", "show needs an id.", { fix: "`list` shows them." });
  const container = await access.container();
  const records = await Array.fromAsync(readRecords(container, selectionOf(values, ids, BOTH)));
  refuseMissing(ids, records);
  const listed = await Promise.all(records.map(withFate(new Redriven(container))));
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const text = listed.map((one) => recordDetails(one, paint).join("\n")).join("\n\n");
  console.log(values.json ? JSON.stringify(listed.map(toJson), null, 2) : text);
  return 0;
}

const withFate =
  (redriven: Redriven) =>
  async (record: StoredRecord): Promise<ListedRecord> => {
    return { record, redrivenAt: await redriven.when(record) };
  };

function toJson({ record, redrivenAt }: ListedRecord): object {
  return { ...record, redrivenAt };
}

async function redrive(access: Access, values: Values, ids: readonly string[]): Promise<number> {
  const late = oneOf("--late", values.late, LATE_POLICIES);
  if (values.pipeline === undefined && ids.length === 0) {
    throw new TidemarkError("CONFIGURATION", "redrive needs --pipeline or ids.", {
      fix: "Look with --dry-run what it would do.",
    });
  }
  const selection = selectionOf(values, ids, ids.length > 0 ? BOTH : ["dead-letter"]);
  const records = await Array.fromAsync(readRecords(await access.container(), selection));
  refuseMissing(ids, records);
  const dryRun = values["dry-run"];
  const verdicts = await redriveRecords(access, records, { late, dryRun, functionsFolder: values.functions });
  const paint = createPaint(wantsColours(process.stdout, process.env));
  console.log(values.json ? json(verdicts, dryRun) : verdictLines(verdicts, dryRun, paint).join("\n"));
  return verdicts.every(({ fate }) => fate === "published" || fate === "again") ? 0 : 1;
}

function refuseMissing(ids: readonly string[], records: readonly StoredRecord[]): void {
  const missing = ids.filter((id) => !records.some((record) => record.id === id));
  if (missing.length > 0) throw new TidemarkError("NOT_FOUND", `There is no record ${missing.join(", ")}.`);
}

function json(verdicts: readonly Verdict[], dryRun: boolean): string {
  const counts = { published: 0, again: 0, late: 0, impossible: 0 };
  for (const { fate } of verdicts) counts[fate]++;
  const records = verdicts.map(({ record: { id, kind }, fate, because }) => ({ id, kind, fate, because }));
  return JSON.stringify({ dryRun, ...counts, records }, null, 2);
}
