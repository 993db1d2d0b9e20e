import { CHECKPOINT_CLIENT_OPTIONS } from "../../checkpoint/azure-blobs.ts";
import { Access } from "../access.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { type Request, readArguments } from "./arguments.ts";
import { consequences } from "./consequences.ts";
import { logDetails } from "./details.ts";
import { outcomeLine, resetLogs } from "./reset.ts";
import { select } from "./select.ts";
import { type LogView, Survey } from "./survey.ts";
import { logTable } from "./table.ts";
import { totalsOf } from "./totals.ts";
import { watermarkText } from "./words.ts";

const HELP = `tidemark checkpoints list [PIPELINE]               how far every task has come
tidemark checkpoints show PIPELINE [PARTITION]     all of its log's status: ledger by stage, blobs
tidemark checkpoints reset PIPELINE [PARTITION]    ends the log, so that a new generation begins

  --yes                        with reset: do it; without, it says what would happen and changes
                               nothing (exit code 1)
  --json                       print JSON on standard output
  --connection NAME|STRING     the storage account: a setting, or a connection string
                               (TidemarkStorage)
  --settings FILE              local settings; the environment goes before them
                               (local.settings.json)

GEN and SEQUENCE number the newest frame of a task's log, POSITION is the next event of the hub,
UNCONF counts frames whose delivery the log does not confirm yet, EVENTS, LATE, DEAD and LOST are
the ledger's, AGE is the time since a blob of the log was written. Looking takes nothing over. A
reset works on logs that cannot be read, can be repeated, and fences an owner that lives.`;

const ACTIONS = { list, show, reset };

/** Runs `tidemark checkpoints`; resolves with the exit code, throws a TidemarkError for what the user can mend. */
export async function runCheckpoints(args: readonly string[]): Promise<number> {
  const request = readArguments(args);
  if (request === undefined) {
    console.log(HELP);
    return 0;
  }
  const access = await Access.of({ ...request, command: "tidemark checkpoints" });
  try {
    const container = await access.container(CHECKPOINT_CLIENT_OPTIONS);
    const survey = new Survey(container);
    const views = await survey.look(select(await survey.tasks(), request));
    return await ACTIONS[request.action]({ request, survey, views, container: container.url });
  } finally {
    await access.close();
  }
}

interface Asked {
  readonly request: Request;
  readonly survey: Survey;
  readonly views: readonly LogView[];
  /** The address of the logs' container. */
  readonly container: string;
}

const columns = () => process.stdout.columns || 80;
const paint = () => createPaint(wantsColours(process.stdout, process.env));

function list({ request, views }: Asked): number {
  if (request.json) print(views.map(({ blobs: _, ...view }) => toJson(view)));
  else if (views.length === 0) console.log("There are none.");
  else console.log(logTable(views, columns(), Date.now(), paint()).join("\n"));
  return 0;
}

function show({ request, views, container }: Asked): number {
  if (request.json) print(views.map((view) => ({ ...toJson(view), blobs: view.blobs })));
  else console.log(views.map((view) => logDetails(view, container, paint()).join("\n")).join("\n\n"));
  return 0;
}

async function reset({ request, survey, views }: Asked): Promise<number> {
  if (!request.yes) {
    if (request.json) print({ done: false, logs: views.map(({ blobs: _, ...view }) => toJson(view)) });
    else console.log(consequences(views, Math.min(columns(), 100)).join("\n"));
    return 1;
  }
  const outcomes = await resetLogs(survey, views);
  if (request.json) print({ done: true, logs: outcomes });
  else console.log(outcomes.map(outcomeLine).join("\n"));
  return outcomes.some(({ trouble }) => trouble !== undefined) ? 1 : 0;
}

function toJson({ pipeline, partition, state, generation, status, trouble, changed }: Omit<LogView, "blobs">): object {
  const { ledger, watermark, ...rest } = status ?? {};
  return {
    ...{ pipeline, partition, state, generation, ...rest },
    watermark: watermark === undefined ? undefined : watermarkText(watermark),
    ...{ totals: status && totalsOf(ledger), ledger, trouble, changed },
  };
}

function print(value: object): void {
  console.log(JSON.stringify(value, null, 2));
}
