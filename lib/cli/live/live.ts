import { resolve } from "node:path";
import { openFlights } from "../flights/read-flights.ts";
import { HubEnds } from "../hub-ends.ts";
import { interrupted } from "../interrupted.ts";
import { FLIGHTS_HUB } from "../pipelines.ts";
import { draw } from "../screen/draw.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { PlainLines } from "../screen/plain-lines.ts";
import { Terminal } from "../screen/terminal.ts";
import type { LiveView } from "../screen/view.ts";
import { forgetData, type Services } from "../services/start-services.ts";
import { DATA_FOLDER } from "../services.ts";
import { openSession, type Session } from "../session.ts";
import type { StartOptions } from "../start.ts";
import { every } from "./every.ts";
import { Feed } from "./feed.ts";
import { publishLive } from "./live-publisher.ts";
import { Results } from "./results.ts";

const ALL_EVENTS = 3_000_000;
const FRAME_MS = 200;
const RESULTS_MS = 400;
const ENDS_MS = 500;
const ROUTES_MS = 3000;

/** Runs the app on flights that are published at a steady rate and shows what comes of it, until Ctrl-C. */
export async function live(options: StartOptions): Promise<number> {
  const signal = interrupted();
  const folder = resolve(DATA_FOLDER);
  if (options.fresh) await forgetData(folder);
  const feed = new Feed();
  const flights = openFlights(options.events ?? ALL_EVENTS, options.dataFile);
  const screen = process.stdout.isTTY ? undefined : new PlainLines(process.stdout);
  if (screen === undefined) process.stdout.write("Starting Event Hubs, Cosmos DB, storage and the Functions host …\n");
  const [file, session] = await Promise.all([
    flights,
    openSession({ ...options, folder, onLog: feed.log, onEvent: feed.event }),
  ]);
  const hubs = new HubEnds(session.services.settings.EventHubConnection);
  const results = options.cosmosSinks ? await Results.open(session.services.settings.CosmosConnection) : undefined;
  const there = await hubs.next(FLIGHTS_HUB);
  if (there.some((count) => count > 0)) await feed.restore(session.services.settings.TidemarkStorage, hubs);
  const stopping = new AbortController();
  const publishing = publishLive({
    ...{ connectionString: session.services.settings.EventHubConnection, flights: file, there },
    ...{ noise: options.noise, seed: options.seed, rate: options.rate, signal: stopping.signal },
    onPublished: (events) => feed.published(events),
  });
  publishing.then(
    () => stopping.signal.aborted || feed.note("every flight has been published"),
    (error: unknown) => feed.note(`publishing has ended: ${error instanceof Error ? error.message : error}`),
  );
  const timers = [
    every(ENDS_MS, () => feed.refreshEnds(hubs)),
    every(RESULTS_MS, async () => results?.refresh()),
    every(ROUTES_MS, async () => results?.countRoutes()),
  ];
  await show(feed, results, session, signal, screen);
  const began = performance.now();
  stopping.abort();
  await publishing.catch(() => {});
  await Promise.all(timers.map((timer) => timer.stop()));
  results?.close();
  await Promise.all([hubs.close(), session.stop()]);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(` Stopped in ${seconds} s. npm start goes on from here; npm start -- --fresh begins anew.\n`);
  return 0;
}

/** Draws until the signal comes; leaves the last picture on the terminal. */
async function show(
  feed: Feed,
  results: Results | undefined,
  session: Session,
  signal: Promise<unknown>,
  lines: PlainLines | undefined,
): Promise<void> {
  const places = placesOf(session.services);
  const view = (): LiveView => feed.view(results, places);
  if (lines !== undefined) {
    lines.begin(session.services);
    const timer = every(FRAME_MS, async () => lines.show(view()));
    await signal;
    return timer.stop();
  }
  const terminal = new Terminal(process.stdout);
  const paint = createPaint(wantsColours(process.stdout, process.env));
  const frame = () => draw(view(), terminal.size, paint);
  const timer = every(FRAME_MS, async () => terminal.show(frame()));
  process.once("exit", () => terminal.leave());
  await signal;
  await timer.stop();
  terminal.leave();
  process.stdout.write(`${frame().slice(0, -1).join("\n")}\n`);
}

function placesOf({ ports, moved }: Services): LiveView["places"] {
  const mark = (name: keyof Services["ports"]) => (moved.includes(name) ? "*" : "");
  return [
    ["Event Hubs", `localhost:${ports.hub}${mark("hub")}`],
    ["Cosmos DB", `http://localhost:${ports.cosmos}${mark("cosmos")}`],
    ["Blobs", `http://localhost:${ports.blob}${mark("blob")}`],
  ];
}
