import { type BlobPort, createCheckpointStore } from "../../../lib/checkpoint/index.ts";
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
  }
  await log.close();
  const [processingMs, frameMs] = [processing, frames].map((sum) => sum / (BATCHES - WARM_UP)) as [number, number];
  return {
    events: BATCH,
    processingMs: rounded(processingMs, 3),
    frameMs: rounded(frameMs, 3),
    percent: rounded((100 * frameMs) / processingMs, 1),
  };
}
