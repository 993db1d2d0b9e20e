import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerClient } from "@azure/storage-blob";
import { azureBlobs } from "../../../lib/checkpoint/azure-blobs.ts";
import { type CheckpointLog, createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { openProcessor } from "../engine-pipeline.ts";
import { percentile, rounded } from "../rows.ts";
import { fill, frameOf, Meter, randomKeys, SHAPE, startAtZero, threadCpu, timed, world } from "./support.ts";

/** Opens a log of so many keys: from a snapshot and from a tail of commits behind it. */
export async function measureRecovery(container: ContainerClient, keys: number) {
  const task = { pipeline: "bench", partition: `recovery-${keys}` };
  const store = createCheckpointStore({ blobs: azureBlobs(container), world });
  const log = await store.open(task, SHAPE, startAtZero);
  await fill(log, keys);
  // Until the snapshot of all of it is referenced, and as long a tail as half of what a rotation allows.
  for (let i = 0; i < 60; i++) {
    await log.append(frameOf(randomKeys(keys)));
    await sleep(keys / 5_000);
  }
  await log.close();
  const meter = new Meter(azureBlobs(container));
  const reopened = createCheckpointStore({ blobs: meter.port, world });
  const samples: number[] = [];
  const cpu: number[] = [];
  const stages: number[] = [];
  let size = 0;
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    let opened: CheckpointLog | undefined;
    const begun = threadCpu();
    samples.push(
      await timed(async () => {
        opened = await reopened.open(task, SHAPE, startAtZero);
      }),
    );
    cpu.push(threadCpu() - begun);
    const state = opened?.recovered.state;
    size = state?.get("stats")?.get(0)?.size ?? 0;
    stages.push(await timed(() => openProcessor(state)));
    await opened?.close();
  }
  if (size !== keys) throw new Error(`Recovered ${size} keys of ${keys}.`);
  const seconds = samples.map((sample) => rounded(sample / 1_000, 3));
  const cpuSeconds = cpu.map((one) => rounded(one / 1_000, 3));
  return {
    keys,
    seconds,
    medianSeconds: rounded(percentile(samples, 0.5) / 1_000, 3),
    cpuSeconds,
    /** What it takes after that until the stages hold the state. */
    stagesSeconds: stages.map((one) => rounded(one / 1_000, 3)),
    bareMapSeconds: bareMap(keys),
    callsPerOpening: rounded(meter.calls / samples.length),
  };
}

/** What filling a Map with so many keys takes alone: no recovery can be faster. */
function bareMap(keys: number): number {
  const names = Array.from({ length: keys }, (_, key) => Buffer.from(`origin-${key}`).toString("latin1"));
  const from = performance.now();
  const map = new Map<string, unknown>();
  for (const name of names) map.set(name, { flights: 1 });
  return rounded((performance.now() - from) / 1_000, 3);
}
