import type { ContainerClient } from "@azure/storage-blob";
import { azureBlobs } from "../../../lib/checkpoint/azure-blobs.ts";
import { createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { percentile, rounded } from "../rows.ts";
import { fill, frameOf, Meter, randomKeys, Samples, SHAPE, startAtZero, world } from "./support.ts";

const WARM_UP = 100;

/**
 * Commits and bare appends of the same bytes. Each comes after the work of making a frame, as an append of any program
 * comes after some work, and each is the first of its pair half of the time: whoever comes second finds sockets, caches
 * and Azurite warm, which is worth a third of an append.
 */
export async function measureCommits(container: ContainerClient, keys: number, count: number) {
  const meter = new Meter(azureBlobs(container));
  const store = createCheckpointStore({ blobs: meter.port, world });
  const log = await store.open({ pipeline: "bench", partition: "commits" }, SHAPE, startAtZero);
  await fill(log, keys);
  const bare = container.getAppendBlobClient("bare");
  await bare.create();
  const commit = new Samples();
  const append = new Samples();
  const oneCommit = async (): Promise<void> => {
    const frame = frameOf(randomKeys(keys));
    await commit.time(() => log.append(frame));
  };
  const oneAppend = async (): Promise<void> => {
    frameOf(randomKeys(keys));
    const sent = Buffer.from(meter.last);
    await append.time(() => bare.appendBlock(sent, sent.length));
  };
  for (let i = 0; i < WARM_UP; i++) await oneCommit().then(oneAppend);
  commit.clear();
  append.clear();
  const [calls, writes, bytes] = [meter.calls, meter.logWrites, meter.appendedBytes];
  for (let i = 0; i < count; i++) {
    if (i % 2 === 0) await oneCommit().then(oneAppend);
    else await oneAppend().then(oneCommit);
  }
  const steady = {
    calls: meter.calls - calls,
    writes: meter.logWrites - writes,
    bytes: meter.appendedBytes - bytes,
  };
  await log.close();
  return {
    kibPerCommit: rounded(steady.bytes / count / 1024),
    writesPerCommit: rounded(steady.writes / count, 3),
    transactionsPerCommit: rounded(steady.calls / count, 3),
    commitP50: rounded(percentile(commit.milliseconds, 0.5)),
    commitP99: rounded(percentile(commit.milliseconds, 0.99)),
    bareP50: rounded(percentile(append.milliseconds, 0.5)),
    bareP99: rounded(percentile(append.milliseconds, 0.99)),
    moreCpuMean: rounded(mean(commit.cpu) - mean(append.cpu)),
    ratioP50: rounded(percentile(commit.milliseconds, 0.5) / percentile(append.milliseconds, 0.5)),
  };
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, one) => sum + one, 0) / samples.length;
}
