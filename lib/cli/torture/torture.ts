import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointStore } from "../../checkpoint/index.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import type { OptionValues } from "../command.ts";
import { interrupted } from "../interrupted.ts";
import { waitForEnd } from "../once/once.ts";
import { counted, Progress } from "../once/progress.ts";
import { Watcher } from "../once/watcher.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { describeEnd } from "../services/service-ends.ts";
import type { Services } from "../services/start-services.ts";
import { openServices } from "../session.ts";
import { logBlobs, openLogs } from "../task-logs.ts";
import type { Verification } from "../verify/verify.ts";
import { Cluster, EXPIRY_MS } from "./cluster.ts";
import { timeIsUp } from "./deadline.ts";
import { diagnose } from "./diagnosis.ts";
import { ExtraFlights } from "./extra-flights.ts";
import { feed } from "./feed.ts";
import { FenceAudit } from "./fence-audit.ts";
import { type FaultCounts, inject } from "./inject.ts";
import { Journal } from "./journal.ts";
import { readOptions, type TortureOptions } from "./options.ts";
import { Pulse } from "./pulse.ts";
import { makeReport, type TortureReport } from "./report.ts";
import { makeSchedule, type OutageService, type Schedule } from "./schedule.ts";
import { StatusLine } from "./status-line.ts";
import { summary } from "./summary.ts";
import { Truce } from "./truce.ts";

/** Events go on for so long after the last fault, so that nothing ends in the middle of one. */
const CALM_MS = 1000;
const LONGEST_LOOK_MS = 1000;
const TOOTHLESS = "No stale write came that the fence could refuse: the run proves nothing about it.";
/** From then on a run goes on only while it gets on: the machine may have other things to do. */
const LEAST_DEADLINE_MS = 300_000;
const GETS_ON_WITHIN_MS = 60_000;
/** What matters is that it ends. */
const MOST_DEADLINES = 4;
/** On a machine that is too slow for the faults, publishing slows down: what is left to do at the end stays bounded. */
const MOST_LAG = 20_000;

/**
 * Two Functions hosts on local services, real flights, and faults from a seed while they flow; then everything is
 * verified. Resolves with 0 only when nothing differs, every ledger balances, and partitions were taken over.
 */
export async function torture(values: OptionValues): Promise<number> {
  const options = readOptions(values);
  const folder = await mkdtemp(join(tmpdir(), "tidemark-torture-"));
  const run = new Torture(options, folder);
  let code = 1;
  try {
    code = await run.run();
  } catch (error) {
    process.stderr.write(`tidemark: ${messageOf(error)}\n`);
  }
  await run.close();
  if (code === 0 && !options.keep) await rm(folder, { recursive: true, force: true });
  else {
    const again = `--seed ${options.seed} --kills ${options.kills}`;
    process.stderr.write(`Log and data are kept in ${folder}; the faults were those of ${again}.\n`);
  }
  return code;
}

/** A finished run and what was found. */
export interface FinishedTorture {
  readonly report: TortureReport;
  readonly verification: Verification;
  /** What Cosmos DB saw of fences that did not hold, the first of it in words. */
  readonly breaches: readonly string[];
  /** Why the run proves less than it should, if so. */
  readonly toothless: string | undefined;
}

class Torture {
  readonly #options: TortureOptions;
  readonly #folder: string;
  readonly #journal: Journal;
  readonly #watcher: Watcher;
  readonly #progress = new Progress(process.stderr);
  readonly #ended = new AbortController();
  readonly #counts: FaultCounts = { kills: 0, pauses: 0, outages: { azurite: 0, cosmos: 0 } };
  readonly #away = new Set<OutageService>();
  readonly #fences = new FenceAudit({
    onBreach: (text) => {
      this.#journal.note(`breach: ${text}`);
      this.#progress.step(`${createPaint(wantsColours(process.stderr, process.env)).bad("breach")}  ${text}`);
    },
    onRefused: (text) => this.#journal.note(text),
    onOvertaken: (fence, by) => this.#cluster?.board.overtaken(fence, by),
  });
  #verifying = false;
  /** A service has ended by itself, or did not come back. */
  #crippled = false;
  #services: Services | undefined;
  #cluster: Cluster | undefined;
  #pulse: Pulse | undefined;

  constructor(options: TortureOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#journal = new Journal(folder);
    this.#watcher = new Watcher((text) => this.#journal.note(text));
  }

  async run(): Promise<number> {
    const { seed, kills, json } = this.#options;
    const schedule = makeSchedule(seed, kills, EXPIRY_MS);
    const { pauses, outages } = schedule;
    const faults = [counted(kills, "kill"), counted(pauses.length, "pause"), counted(outages.length, "outage")];
    this.#progress.step(`Seed ${seed}: ${faults.join(", ")}. Starting services and two hosts …`);
    const stopped = interrupted().then((signal) => {
      throw new TidemarkError("UNAVAILABLE", `Stopped by ${signal}.`);
    });
    const deadline = this.#overdue(LEAST_DEADLINE_MS + 3 * schedule.ms);
    deadline.catch(() => {});
    try {
      const finished = await Promise.race([this.#whole(schedule), stopped, deadline]);
      this.#progress.watch(undefined);
      process.stdout.write(json ? `${JSON.stringify(finished.report)}\n` : summary(finished));
      const { verification, breaches, toothless } = finished;
      const wrong = [...verification.firstDifferences, ...breaches, ...(toothless === undefined ? [] : [toothless])];
      if (json) for (const text of wrong) process.stderr.write(`  ${text}\n`);
      return wrong.length === 0 && verification.differences === 0 && verification.balanced ? 0 : 1;
    } catch (error) {
      this.#progress.watch(undefined);
      if (!this.#crippled) await this.#explain();
      throw error;
    }
  }

  /** Rejects when the run takes too long. */
  async #overdue(milliseconds: number): Promise<never> {
    const { deadlineMs } = this.#options;
    const passed = await timeIsUp({
      after: deadlineMs ?? milliseconds,
      within: GETS_ON_WITHIN_MS,
      atMost: deadlineMs ?? MOST_DEADLINES * milliseconds,
      // To read everything again takes what it takes.
      processed: () => (this.#verifying ? performance.now() : (this.#cluster?.board.processed ?? 0)),
      signal: this.#ended.signal,
    });
    throw new TidemarkError("UNAVAILABLE", `It is not over after ${Math.round(passed / 1000)} seconds.`);
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#progress.watch(undefined);
    this.#watcher.close();
    // A look in hand may be asking a service that is gone, again and again, for every task.
    await Promise.race([this.#pulse?.stop(), sleep(LONGEST_LOOK_MS)]);
    await this.#cluster?.stop();
    await this.#services?.stop();
    await this.#journal.close();
  }

  async #whole(schedule: Schedule): Promise<FinishedTorture> {
    const onFenceNews = this.#fences.heard;
    const { services, localApp } = await openServices({ folder: this.#folder, ports: "free", onFenceNews });
    this.#services = services;
    return await Promise.race([this.#run(schedule, services, localApp), this.#serviceEnds(services)]);
  }

  /** Rejects when a service has ended by itself: nothing more will come of the run. */
  async #serviceEnds(services: Services): Promise<never> {
    const end = await services.ended;
    this.#crippled = true;
    const text = describeEnd(end);
    this.#journal.note(text);
    throw new TidemarkError("UNAVAILABLE", text);
  }

  async #run(schedule: Schedule, services: Services, localApp: string): Promise<FinishedTorture> {
    const cluster = await Cluster.start(localApp, services.settings, this.#watcher, this.#journal);
    this.#cluster = cluster;
    const logs = await openLogs(services.settings.TidemarkStorage);
    const pulse = new Pulse({
      connectionString: services.settings.EventHubConnection,
      ...{ cluster, logs, away: this.#away },
      onStall: ({ task, ms }) => this.#say(`${task} has not moved for ${Math.round(ms / 1000)} s`),
    });
    this.#pulse = pulse;
    pulse.start();
    const started = performance.now();
    await this.#publishAndInject(schedule, { services, cluster, pulse, logs });
    this.#say("Every fault is over; waiting until every window has closed …");
    const states = await waitForEnd({ services, host: cluster }, this.#watcher);
    const seconds = (performance.now() - started) / 1000;
    this.#progress.watch(undefined);
    this.#say(`Every window has closed after ${seconds.toFixed(1)} s; reading everything again to verify it …`);
    this.#verifying = true;
    const { verify } = await import("../verify/verify.ts");
    const verification = await verify({ settings: services.settings, logs: states, documents: true });
    const frames = await this.#fences.compareWithLogs(await logBlobs(services.settings.TidemarkStorage));
    const { breaches, refused } = this.#fences;
    const fences = { breaches, frames, refused };
    const { seed } = this.#options;
    const { board } = cluster;
    const report = makeReport({
      counts: this.#counts,
      board,
      stalls: pulse.stalls,
      verification,
      fences,
      seconds,
      seed,
    });
    const toothless = refused > 0 || breaches > 0 ? undefined : TOOTHLESS;
    return { report, verification, breaches: this.#fences.first, toothless };
  }

  async #publishAndInject(
    schedule: Schedule,
    { services, cluster, pulse, logs }: { services: Services; cluster: Cluster; pulse: Pulse; logs: CheckpointStore },
  ): Promise<void> {
    const { rate, noise, seed, kills } = this.#options;
    const enough = new AbortController();
    const { EventHubConnection, TidemarkStorage } = services.settings;
    const extraFlights = new ExtraFlights(EventHubConnection, await logBlobs(TidemarkStorage));
    const line = new StatusLine(process.stderr, kills);
    this.#progress.watch(() => line.text({ ...this.#counts, lag: pulse.lag, takeovers: cluster.board.takeovers }));
    const feeding = feed({
      connectionString: EventHubConnection,
      ...{ rate, noise, seed, signal: AbortSignal.any([enough.signal, this.#ended.signal]) },
      held: () => pulse.lag > MOST_LAG,
      onPublished: (events) => line.published(events),
    });
    const faults = inject({
      ...{ schedule, cluster, services: this.#watched(services), logs, truce: new Truce(), fences: this.#fences },
      ...{ extraFlights, onNote: (text: string) => this.#journal.note(text) },
      ...{ signal: this.#ended.signal, away: this.#away, counts: this.#counts },
      onFault: (kind, text) => {
        this.#journal.note(text);
        // The others have a line of their own.
        line.hit(kind === "kill" ? text : "");
        if (kind !== "kill" || !process.stderr.isTTY)
          this.#progress.step(`${line.counter(kind, this.#counts)}  ${text}`);
      },
    }).then(async () => {
      line.hit("");
      await sleep(CALM_MS);
      enough.abort();
    });
    await Promise.all([feeding, faults]);
  }

  #watched({ stopService, startService }: Services): Pick<Services, "stopService" | "startService"> {
    return {
      stopService,
      startService: async (name) => {
        try {
          await startService(name);
        } catch (error) {
          this.#crippled = true;
          throw error;
        }
      },
    };
  }

  /** Where everything stands, for a run that cannot be finished. */
  async #explain(): Promise<void> {
    if (this.#cluster === undefined || this.#services === undefined || this.#pulse === undefined) return;
    const logs = await openLogs(this.#services.settings.TidemarkStorage);
    const pulse = this.#pulse;
    const lines = await diagnose({ board: this.#cluster.board, logs, ends: () => pulse.ends() });
    for (const line of lines) {
      this.#journal.note(line);
      process.stderr.write(`${line}\n`);
    }
  }

  #say(text: string): void {
    this.#journal.note(text);
    this.#progress.step(text);
  }
}
