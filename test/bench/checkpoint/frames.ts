import { readBatch } from "../../../lib/azure/batch.ts";
import { type BlobPort, createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import type { Frame } from "../../../lib/engine/frame.ts";
import type { HubEvent } from "../../../lib/engine/ports.ts";
import { toDocument } from "../../../lib/sinks/cosmos/document.ts";
import { memoryBlobs } from "../../../lib/testing/memory-blobs.ts";
import { flights } from "../engine-job.ts";
import { openProcessor } from "../engine-pipeline.ts";
import { rounded } from "../rows.ts";
import { SHAPE, startAtZero, threadCpu, world } from "./support.ts";

const BATCH = 1_000;
const BATCHES = 300;
const WARM_UP = 100;

/**
 * What a frame costs beside the batch that it commits: everything but the write, which is answered at once here. The job
 * is that of the engine's benchmark: parse, validate, dedupe, join, aggregate by hour and airport.
 */
export async function measureFrames() {
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
  const processor = await openProcessor();
  const events = flights(BATCH * BATCHES);
  // Sums: the processor's clock ticks too slowly for a single frame.
  let [processing, frames] = [0, 0];
  const committed: Frame[] = [];
  for (let i = 0; i < BATCHES; i++) {
    const batch = events.slice(i * BATCH, (i + 1) * BATCH);
    const begun = threadCpu();
    processor.process(batch);
    const frame = processor.closeFrame(i);
    const closed = threadCpu();
    await log.append(frame);
    if (i < WARM_UP) continue;
    processing += closed - begun;
    frames += threadCpu() - closed;
    committed.push(frame);
  }
  await log.close();
  const edges = readPayloads(events) + prepareDocuments(committed);
  const [processingMs, frameMs, edgesMs] = [processing, frames, edges].map((sum) => sum / (BATCHES - WARM_UP)) as [
    number,
    number,
    number,
  ];
  return {
    events: BATCH,
    processingMs: rounded(processingMs, 3),
    frameMs: rounded(frameMs, 3),
    percent: rounded((100 * frameMs) / processingMs, 1),
    /** What a task does besides for the same batch: reads the trigger's payload, copies results to documents. */
    edgesMs: rounded(edgesMs, 3),
    percentWithEdges: rounded((100 * frameMs) / (processingMs + edgesMs), 1),
  };
}

/** Processor time of turning the trigger's payloads of the measured batches into events. */
function readPayloads(events: readonly HubEvent[]): number {
  let sum = 0;
  for (let i = 0; i < BATCHES; i++) {
    const batch = events.slice(i * BATCH, (i + 1) * BATCH);
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
    if (i >= WARM_UP) sum += threadCpu() - begun;
  }
  return sum;
}

/** Processor time of what the Cosmos DB sink does to each result before a frame holds it. */
function prepareDocuments(frames: readonly Frame[]): number {
  const begun = threadCpu();
  for (const { outbox } of frames) {
    for (const { messages } of outbox)
      for (const message of messages) toDocument(message, { partitionKey: ["/origin"] });
  }
  return threadCpu() - begun;
}
