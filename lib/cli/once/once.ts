import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TidemarkError } from "../../errors.ts";
import { departures } from "../flights/departures.ts";
import type { FlightTable } from "../flights/flight-table.ts";
import { flightMessages } from "../flights/messages.ts";
import { Publisher } from "../flights/publisher.ts";
import { readAhead } from "../flights/read-ahead.ts";
import { openFlights } from "../flights/read-flights.ts";
import { HubEnds } from "../hub-ends.ts";
import { interrupted } from "../interrupted.ts";
import { FLIGHTS_HUB, FLIGHTS_PARTITIONS, PIPELINES } from "../pipelines.ts";
import { whole } from "../screen/text.ts";
import { describeServices } from "../services/describe.ts";
import { describeEnd } from "../services/service-ends.ts";
import type { Services } from "../services/start-services.ts";
import { openSession, type Session } from "../session.ts";
import type { StartOptions } from "../start.ts";
import { openLogs } from "../task-logs.ts";
import type { Verification } from "../verify/verify.ts";
import { type Drained, drained, type HostStatus } from "./drain.ts";
import { Kills } from "./kills.ts";
import { of, Progress } from "./progress.ts";
import type { OnceReport } from "./report.ts";
import { summary } from "./summary.ts";
import { Watcher } from "./watcher.ts";

const DEFAULT_EVENTS = 20_000;

/**
 * Publishes, ends the stream, waits until every window has closed, verifies everything and says how it went. Resolves
 * with 0 only when nothing differs and every ledger balances.
 */
export async function once(options: StartOptions): Promise<number> {
  const flights = await openFlights(options.events ?? DEFAULT_EVENTS, options.dataFile);
  const folder = await mkdtemp(join(tmpdir(), "tidemark-once-"));
  const progress = new Progress(process.stderr);
  const watcher = new Watcher((text) => progress.step(text));
  const ended = interrupted().then((signal) => {
    throw new TidemarkError("UNAVAILABLE", `Stopped by ${signal}.`);
  });
  // Unpacking the first flights takes half a second: it is done while the services start.
  const input = { ...flights, rows: readAhead(departures(flights)) };
  let session: Session | undefined;
  try {
    const opening = openSession({ ...options, folder, onLog: watcher.log, onEvent: watcher.event });
    session = await opening;
    for (const line of describeServices(session.services)) progress.step(line);
    const crippled = session.services.ended.then((end) => {
      throw new TidemarkError("UNAVAILABLE", describeEnd(end));
    });
    const report = await Promise.race([run(session, input, options, watcher, progress), ended, crippled]);
    process.stdout.write(options.json ? `${JSON.stringify(report.json, null, 2)}\n` : summary(report, options));
    return report.verification.differences === 0 && report.verification.balanced ? 0 : 1;
  } finally {
    progress.watch(undefined);
    watcher.close();
    await session?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A finished run: what `--json` prints, and all that was found. */
export interface FinishedRun {
  readonly json: OnceReport;
  readonly verification: Verification;
  readonly kills: number;
}

interface Input {
  readonly table: FlightTable;
  /** Rows of the table, in the order in which they are published. */
  readonly rows: AsyncIterable<Uint32Array>;
}

async function run(
  session: Session,
  flights: Input,
  options: StartOptions,
  watcher: Watcher,
  progress: Progress,
): Promise<FinishedRun> {
  const events = flights.table.length;
  const kills = new Kills(options.kills, events * PIPELINES.length, () => watcher.kill(session.host));
  watcher.onProgress = (processed) => kills.progressed(processed);
  const started = performance.now();
  let published = 0;
  progress.watch(() => `${of(published, events)} published, ${watcher.describe()}`);
  await publish(session, flights, options, (count) => {
    published = count;
  });
  progress.step(`${whole(events)} events and ${FLIGHTS_PARTITIONS} end markers are published.`);
  const logs = await waitForEnd(session, watcher);
  const seconds = (watcher.lastFinished - started) / 1000;
  progress.watch(undefined);
  progress.step(`Every window has closed after ${seconds.toFixed(1)} s; reading everything again to verify it …`);
  const { settings } = session.services;
  const { verify } = await import("../verify/verify.ts");
  const verification = await verify({ settings, logs, documents: options.cosmosSinks });
  return { json: reportOf(verification, seconds, watcher), verification, kills: kills.done };
}

async function publish(
  session: Session,
  { table, rows }: Input,
  options: StartOptions,
  onCount: (published: number) => void,
): Promise<void> {
  const { BulkSender } = await import("../../local/hub-client/bulk-sender.ts");
  const sender = new BulkSender(session.services.settings.EventHubConnection, FLIGHTS_HUB);
  const publisher = new Publisher(sender, FLIGHTS_PARTITIONS);
  try {
    let published = 0;
    for await (const messages of flightMessages(table, rows, options)) {
      for (const message of messages) {
        const room = publisher.add(message);
        published++;
        if (room === undefined) continue;
        onCount(published);
        await room;
      }
    }
    await publisher.end();
    onCount(published);
  } finally {
    await sender.close();
  }
}

/** Waits until everything published has been processed and delivered. */
export async function waitForEnd(
  session: { readonly services: Pick<Services, "settings">; readonly host: HostStatus },
  watcher: Watcher,
): Promise<Drained> {
  const { settings } = session.services;
  const hubs = new HubEnds(settings.EventHubConnection);
  try {
    return await drained({
      host: session.host,
      hubs,
      logs: await openLogs(settings.TidemarkStorage),
      settled: watcher.settled,
      progress: () => watcher.activity,
      failure: () => watcher.failure,
    });
  } finally {
    await hubs.close();
  }
}

function reportOf(found: Verification, seconds: number, watcher: Watcher): OnceReport {
  const { events, malformed, duplicates, late, deadLettered, results, differences, balanced, ledgers } = found;
  const { latencies } = watcher;
  return {
    ...{ events, malformed, duplicates, late, deadLettered, results, differences },
    ledger: { balanced, pipelines: ledgers },
    seconds: Math.round(seconds * 1000) / 1000,
    eventsPerSecond: Math.round(events / seconds),
    latencyMs: { p50: Math.round(latencies.quantile(0.5) ?? 0), p99: Math.round(latencies.quantile(0.99) ?? 0) },
  };
}
