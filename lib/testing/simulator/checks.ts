import { isDeepStrictEqual } from "node:util";
import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import { END_OF_TIME } from "../../engine/frame.ts";
import { FENCE_FIELD } from "../../sinks/cosmos/fence.ts";
import { type Cluster, taskKey } from "./cluster.ts";
import type { SimFunction } from "./config.ts";
import { type Expectation, type Losses, whatCounts } from "./expectation.ts";
import { checkFiles, readFiles } from "./files-check.ts";
import { compareLists } from "./lists.ts";
import { readSent } from "./sent-check.ts";
import { readSide } from "./side-check.ts";

/** What a whole workload must have come to, given what retention took. */
export type Oracle = (cluster: Cluster, losses: Losses) => Expectation | Promise<Expectation>;

interface Place {
  readonly fn: SimFunction;
  readonly partition: number;
  readonly status: LogStatus;
}

/** Compares what a run left behind with what it must have come to, and says what differs. */
export async function checkRun(cluster: Cluster, oracle: Oracle): Promise<void> {
  const { watch } = cluster;
  const places: Place[] = [];
  for (const { fn, partition } of cluster.places) {
    const status = await cluster.status(fn, partition);
    if (status === undefined) watch.violate(`task ${taskKey(fn, partition)} never began`);
    else places.push({ fn, partition, status });
  }
  const statusOf = new Map(places.map(({ fn, partition, status }) => [taskKey(fn, partition), status]));
  const { lines, losses } = readSide(cluster.side.blobs, (task) => statusOf.get(task)?.generation ?? 0);
  const expected = await oracle(cluster, losses);
  for (const place of places) checkAccount(cluster, place, losses);
  checkDocuments(cluster, expected);
  checkSent(cluster, expected, places);
  await checkFiles(cluster, expected, (task) => statusOf.get(task)?.generation ?? 0);
  const unique = (list: readonly string[]) => (expected.updates ? [...new Set(list)] : list);
  compareLists(unique(lines), unique(expected.side), (what) => watch.violate(`side output: ${what}`));
}

/** The source's account: every event processed or known to be lost, no hole where there was none. */
function checkAccount(cluster: Cluster, { fn, partition, status }: Place, losses: Losses): void {
  const key = taskKey(fn, partition);
  const hub = cluster.hub(fn.hub);
  const violate = (what: string): void => cluster.watch.violate(`task ${key}: ${what}`);
  const { position, watermark, ledger, pendingFrames, start } = status;
  if (ledger === undefined) {
    violate("has no ledger");
    return;
  }
  const { processed, lost, holes, control, start: first } = ledger.source;
  if (position !== hub.next(partition)) violate(`stands at ${position}, the hub at ${hub.next(partition)}`);
  if (pendingFrames > 0) violate(`${pendingFrames} frames are not confirmed`);
  if (first !== start.position || position - first !== processed + lost + holes + control) violate("source imbalance");
  if (start.position !== 0) violate(`began at ${start.position} instead of 0`);
  const ranges = losses.get(key) ?? [];
  const isLost = (number: number): boolean => ranges.some(({ from, to }) => number >= from && number < to);
  const wanted = [...hub.holes(partition)].filter((number) => !isLost(number)).length;
  if (holes !== wanted) violate(`counts ${holes} holes where there are ${wanted}`);
  const reported = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  if (reported !== lost) violate(`counts ${lost} events as lost and reports ${reported}`);
  for (const { to } of ranges) {
    if (to > hub.first(partition)) violate(`reports ${to - 1} as lost, which the hub holds`);
  }
  const timed = fn.pipeline.plan.source.time !== undefined && !cluster.app.endless;
  if (timed && watermark !== END_OF_TIME) violate(`its watermark ended at ${watermark}`);
}

/** What a clean run left behind: what any other run of the same app must come to. */
export async function outcomeOf(cluster: Cluster, updates: boolean): Promise<Expectation> {
  const documents = cluster.containers.map(({ options, documents: found }): [string, Map<string, unknown>] => [
    options.container,
    new Map(found.map((document) => [document.id, withoutExtras(document)])),
  ]);
  const sinkHubs = [...cluster.hubs.values()].filter(({ name }) =>
    cluster.app.functions.every(({ hub }) => hub !== name),
  );
  const sent = sinkHubs.map((hub): [string, Map<string, readonly string[]>] => {
    const channels = Array.from({ length: hub.partitions }, (_, partition) =>
      [...readSent(hub.history(partition), hub.name).bodies].map(([producer, bodies]): [string, readonly string[]] => [
        `${producer}>${partition}`,
        bodies,
      ]),
    );
    return [hub.name, new Map(channels.flat())];
  });
  const side = readSide(cluster.side.blobs, () => 1).lines;
  const violate = (what: string): void => cluster.watch.violate(what);
  const files = await readFiles(cluster, updates, () => 1, violate);
  return { documents: new Map(documents), sent: new Map(sent), side, files, updates };
}

function checkDocuments(cluster: Cluster, { documents }: Expectation): void {
  for (const container of cluster.containers) {
    const name = container.options.container;
    const found = new Map(container.documents.map((document) => [document.id, withoutExtras(document)]));
    const wanted = documents.get(name) ?? new Map<string, unknown>();
    for (const [id, document] of wanted) {
      if (isDeepStrictEqual(found.get(id), document)) continue;
      const shown = JSON.stringify(found.get(id)) ?? "missing";
      cluster.watch.violate(`${name} "${id}" is ${shown} instead of ${JSON.stringify(document)}`);
    }
    for (const id of found.keys()) if (!wanted.has(id)) cluster.watch.violate(`${name} "${id}" should not be there`);
  }
}

function withoutExtras(document: Readonly<Record<string, unknown>>): unknown {
  const { _etag, [FENCE_FIELD]: _fence, ...rest } = document;
  return rest;
}

/** What tasks sent, and that downstream tasks received as much. */
function checkSent(cluster: Cluster, { sent, updates = false }: Expectation, places: readonly Place[]): void {
  for (const [name, channels] of sent) {
    const hub = cluster.hub(name);
    let messages = 0;
    for (let partition = 0; partition < hub.partitions; partition++) {
      const { bodies, problems } = readSent(hub.history(partition), `${name}/${partition}`);
      for (const problem of problems) cluster.watch.violate(problem);
      for (const [producer, list] of bodies) {
        messages += list.length;
        const wanted = channels.get(`${producer}>${partition}`) ?? [];
        if (isDeepStrictEqual(whatCounts(list, updates), whatCounts(wanted, updates))) continue;
        cluster.watch.violate(
          `${producer} sent ${list.length} events to ${name}/${partition} instead of ${wanted.length}, or others`,
        );
      }
      for (const channel of channels.keys()) {
        const [producer, target] = channel.split(">") as [string, string];
        if (Number(target) === partition && !bodies.has(producer))
          cluster.watch.violate(`${producer} sent nothing to ${name}`);
      }
    }
    checkReceived(cluster, name, messages, places);
  }
}

function checkReceived(cluster: Cluster, hub: string, messages: number, places: readonly Place[]): void {
  const readers = Map.groupBy(
    places.filter(({ fn }) => fn.hub === hub),
    ({ fn }) => fn.pipeline.name,
  );
  for (const [pipeline, tasks] of readers) {
    let received = 0;
    for (const { status } of tasks) {
      received += (status.ledger?.source.processed ?? 0) - (status.ledger?.stages[0]?.duplicate ?? 0);
    }
    if (received !== messages)
      cluster.watch.violate(`${pipeline} received ${received} of ${messages} events of ${hub}`);
  }
}
