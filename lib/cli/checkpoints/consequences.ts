import { taskName } from "../../sinks/cosmos/fence.ts";
import { wrap } from "../help.ts";
import { whole } from "../screen/text.ts";
import type { LogView } from "./survey.ts";
import { framesText } from "./words.ts";

/** What a reset means for state, results and readers, each as one paragraph. */
const CONSEQUENCES = [
  "The task's state is given up (windows, ids of dedupe, rows that wait for their file), and its ledger begins at zero.",
  'The next event, wake-up or sweep begins the new generation, where `from` of the function says: handle(…, { from }), "earliest" where it says nothing. From there the hub is read again. With "latest", what was not processed is skipped.',
  "What the hub's retention has removed is not read again: a window of which a part is gone gets the result of the rest, and in Cosmos DB that replaces the whole one.",
  "Results are written again. Sinks are fenced by (generation, sequence): in Cosmos DB a document of the new generation replaces the older one, never the other way round, and what the replay does not write stays as it is. Of files, those of the newest generation count, from its first entry in the manifest on.",
  "Messages to a hub (toHub) are sent again. A Tidemark pipeline that reads them drops duplicates within a generation, not across two: windows that are open count them again, unless a dedupe stage knows their ids, and windows that are closed are begun anew with parts of them. Other readers see them twice as well. To have them counted once, reset that pipeline too, and let it begin after this reset: from: { time }.",
  "Dead letters and late events stay, and those of the replay are added. An event and its redriven copy, both in the hub, both count, unless a dedupe stage knows the id.",
  "An owner that lives is fenced: its next commit is refused, it drops its memory and goes on in the new generation. What was committed and not confirmed may never be delivered as it was; the replay computes it anew.",
];

/** Says what a reset of these logs would do. */
export function consequences(views: readonly LogView[], width: number): string[] {
  const [first] = views as [LogView, ...LogView[]];
  const paragraphs = CONSEQUENCES.map((text) =>
    wrap(text, width - 2).map((line, i) => `${i === 0 ? "- " : "  "}${line}`),
  );
  const again = [first.pipeline, ...(views.length === 1 ? [first.partition] : [])].join(" ");
  return [
    ...views.flatMap((view) => wrap(`${taskName(view)}: ${endOf(view)}`, width)),
    "",
    ...paragraphs.flat(),
    "",
    "Nothing was changed. To do it:",
    "",
    `  npx tidemark checkpoints reset ${again} --yes`,
  ];
}

function endOf({ state, generation, status }: LogView): string {
  if (state === "reset")
    return `was reset already; generation ${generation + 1} has not begun, and nothing would be done.`;
  if (status === undefined) return `its log, which is ${state}, would end.`;
  const { position, start, pendingFrames } = status;
  const frames = `${framesText(pendingFrames)} ${pendingFrames === 1 ? "is" : "are"} not confirmed.`;
  const waits = pendingFrames === 0 ? "" : ` ${frames}`;
  return `generation ${generation}, begun at ${whole(start.position)}, would end at position ${whole(position)}.${waits}`;
}
