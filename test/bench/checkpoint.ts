/**
 * The checkpoint log on Azurite: what a commit costs beside a bare append of the same bytes, how long recovery takes,
 * what a snapshot does to commits, and what a frame costs beside the batch it belongs to. Prints what was asked and what
 * was seen; `--json` prints everything as one object.
 *
 *   node test/bench/checkpoint.ts [--keys 100000] [--large 1000000] [--commits 400] [--json]
 */
import { parseArgs } from "node:util";
import { BlobServiceClient } from "@azure/storage-blob";
import { CHECKPOINT_CLIENT_OPTIONS } from "../../lib/checkpoint/azure-blobs.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { measureCommits } from "./checkpoint/commits.ts";
import { measureFrames } from "./checkpoint/frames.ts";
import { measureRecovery } from "./checkpoint/recovery.ts";
import { measureSnapshots } from "./checkpoint/snapshots.ts";
import { atMost, printRows, type Row } from "./rows.ts";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "100000" },
    large: { type: "string", default: "1000000" },
    commits: { type: "string", default: "400" },
    json: { type: "boolean", default: false },
  },
});

const LARGE = 500_000;

async function measure() {
  const storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  try {
    const service = BlobServiceClient.fromConnectionString(storage.connectionString, CHECKPOINT_CLIENT_OPTIONS);
    const container = service.getContainerClient("bench");
    await container.create();
    const sizes = [Number(values.keys), Number(values.large)].filter((keys) => keys > 0);
    const commit = await measureCommits(container, Number(values.keys), Number(values.commits));
    const recovery = [];
    for (const keys of sizes) recovery.push(await measureRecovery(container, keys));
    const snapshot = await measureSnapshots(container, Number(values.keys));
    return { commit, recovery, snapshot, frame: await measureFrames() };
  } finally {
    await storage.stop();
  }
}

function rowsOf({ commit, recovery, snapshot, frame }: Awaited<ReturnType<typeof measure>>): Row[] {
  return [
    atMost("storage writes a commit", 1, commit.writesPerCommit, ""),
    atMost("size of a commit", 50, commit.kibPerCommit, "KiB"),
    atMost("commit / bare append of the same bytes, p50", 1.5, commit.ratioP50, "×"),
    ...recovery.map(({ keys, medianSeconds }) =>
      atMost(`recovery of ${keys.toLocaleString("en")} keys`, keys > LARGE ? 2 : 0.3, medianSeconds, "s"),
    ),
    atMost("what a snapshot adds to the longest commit", 20, snapshot.delayMs, "ms"),
    atMost("longest turn while a snapshot is built, processor time", 20, snapshot.turnCpuMax, "ms"),
    atMost("frame / processing of 1,000 events, besides the write", 5, frame.percent, "%"),
    atMost("the same, of all that a task does: payload, processing, delivery", 5, frame.percentOfAll, "%"),
  ];
}

const result = await measure();
const rows = rowsOf(result);
if (values.json) console.log(JSON.stringify({ benchmark: "checkpoint", rows, ...result }));
else {
  printRows(rows);
  console.log(`\n${JSON.stringify(result, undefined, 2)}`);
}
