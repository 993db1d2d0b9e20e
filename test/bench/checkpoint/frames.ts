import { readBatch } from "../../../lib/azure/batch.ts";
import { type BlobPort, type CheckpointLog, createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import type { HubEvent } from "../../../lib/engine/ports.ts";
import { memoryBlobs } from "../../../lib/testing/memory-blobs.ts";
import { flights } from "../engine-job.ts";
import { openProcessor } from "../engine-pipeline.ts";
import { rounded } from "../rows.ts";
import { openDeliveries } from "./deliveries.ts";
import { SHAPE, startAtZero, threadCpu, world } from "./support.ts";

const BATCH = 1_000;
const BATCHES = 300;
const WARM_UP = 100;

/**
 * What a frame costs beside the batch that it commits: everything but the write, which is answered at once here. The job
 * is that of the engine's benchmark: parse, validate, dedupe, join, aggregate by hour and airport. A task does more for a
 * batch: it reads the trigger's payload before, and delivers the results after.
 */
export async function measureFrames() {
  const log = await openLog();
  const processor = await openProcessor();
  const deliveries = await openDeliveries();
  const events = flights(BATCH * BATCHES);
  // Sums: the processor's clock ticks too slowly for a single frame.
  const sums = { payload: 0, processing: 0, frame: 0, delivery: 0 };
  for (let i = 0; i < BATCHES; i++) {
    const batch = events.slice(i * BATCH, (i + 1) * BATCH);
    const payload = timeOfPayload(batch);
    const begun = threadCpu();
    processor.process(batch);
    const frame = processor.closeFrame(i);
    const closed = threadCpu();
    await log.append(frame);
    const appended = threadCpu();
    const delivery = await deliveries.deliver(frame);
    if (i < WARM_UP) continue;
    sums.payload += payload;
    sums.processing += closed - begun;
    sums.frame += appended - closed;
    sums.delivery += delivery;
  }
  await log.close();
  deliveries.end();
  const { payload, processing, frame, delivery } = sums;
  const each = (sum: number): number => rounded(sum / (BATCHES - WARM_UP), 3);
  return {
    events: BATCH,
    processingMs: each(processing),
    frameMs: each(frame),
    percent: rounded((100 * frame) / processing, 1),
    payloadMs: each(payload),
    deliveryMs: each(delivery),
    percentOfAll: rounded((100 * frame) / (payload + processing + delivery), 1),
  };
}

/** A log whose appends are answered at once. */
async function openLog(): Promise<CheckpointLog> {
  const memory = memoryBlobs();
  let opened = false;
  const blobs: BlobPort = {
    ...memory,
    append: async (name, position, bytes) => (opened ? "appended" : memory.append(name, position, bytes)),
  };
  const limits = { tailBytes: 1024 ** 3, segmentBytes: 1024 ** 3 };
  const store = createCheckpointStore({ blobs, world, limits });
  const log = await store.open({ pipeline: "bench", partition: "frames" }, SHAPE, startAtZero);
  opened = true;
  return log;
}

/** Processor time of turning a trigger's payload into events. */
function timeOfPayload(batch: readonly HubEvent[]): number {
  const bodies = batch.map(({ body }) => body);
  const metadata = {
    partitionContext: { partitionId: "0", eventHubName: "flights", consumerGroup: "delays" },
    propertiesArray: batch.map(() => ({})),
    systemPropertiesArray: batch.map(({ sequenceNumber, partitionKey, enqueuedTime }) => ({
      ...{ sequenceNumber, partitionKey, enqueuedTimeUtc: new Date(enqueuedTime).toISOString() },
    })),
  };
  const begun = threadCpu();
  readBatch(bodies, metadata);
  return threadCpu() - begun;
}
