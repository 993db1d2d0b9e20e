import { answerMessage } from "../../azure/answer-message.ts";
import { sweepTasks } from "../../azure/sweep.ts";
import { TIMING } from "../../azure/timing.ts";
import { readWakeUp } from "../../azure/wake-up.ts";
import { type Cluster, type Process, SILENT, taskKey } from "./cluster.ts";
import type { Life } from "./life.ts";
import type { SimQueue, TakenMessage } from "./sim-queue.ts";

export interface WakersHost {
  /** A process that runs; one is started when there is none. */
  readonly process: () => Process;
  /** Waits for work of a process, and looks at how it failed. */
  readonly expect: (life: Life, what: string, work: Promise<unknown>, done: (failed: boolean) => void) => void;
}

/** How long a host may take to look into a queue again, once it was empty for a while. */
const POLL_MS = 60_000;
/** How long a message is hidden from others while one is being answered; a host that died never renews that. */
const LOCK_SECONDS = 600;
const MOST_DEQUEUES = 5;
const AT_ONCE = 16;

/** The triggers of all hosts that wake tasks: the queue's and the timer's. Either starts a process when none runs. */
export class Wakers {
  readonly #cluster: Cluster;
  readonly #queue: SimQueue;
  readonly #host: WakersHost;

  constructor(cluster: Cluster, queue: SimQueue, host: WakersHost) {
    this.#cluster = cluster;
    this.#queue = queue;
    this.#host = host;
    const { scheduler } = cluster;
    queue.onVisible = (time) => {
      scheduler.after(time - scheduler.now + scheduler.between(0, POLL_MS), () => this.#poll());
    };
  }

  /** The timer's moments from now on until a time, so many milliseconds apart. */
  tickUntil(time: number, every: number): void {
    const { scheduler } = this.#cluster;
    for (let at = scheduler.now + scheduler.between(0, every); at <= time; at += every) {
      scheduler.after(at - scheduler.now, () => this.tick());
    }
  }

  /** The timer's moment: one instance looks after every task. */
  tick(): void {
    const process = this.#host.process();
    const { life } = process;
    const { signal, end } = life.shift(TIMING.shift);
    const failures: unknown[] = [];
    const tasks = this.#cluster.places.map(({ fn, partition }) => ({
      name: taskKey(fn, partition),
      attend: () =>
        this.#cluster
          .attending(process, fn, partition, (slot) => slot.attend(SILENT, signal))
          .catch((thrown) => {
            failures.push(thrown);
            throw thrown;
          }),
    }));
    life.after("sweep", 1, () => {
      const swept = sweepTasks(tasks, SILENT, signal).catch((thrown) => {
        if (failures.length === 0) throw thrown;
        throw failures[0];
      });
      this.#host.expect(life, "sweep", swept, end);
    });
  }

  #poll(): void {
    if (this.#queue.length === 0) return;
    for (const message of this.#queue.receive(AT_ONCE, LOCK_SECONDS)) this.#answer(message);
  }

  #answer(message: TakenMessage): void {
    const { watch, scheduler } = this.#cluster;
    const wakeUp = readWakeUp(Buffer.from(message.messageText, "base64"));
    const fn = this.#cluster.app.functions.find(({ pipeline }) => pipeline.name === wakeUp?.function);
    if (wakeUp === undefined || fn === undefined) {
      watch.violate(`a message says "${message.messageText}"`);
      return;
    }
    const process = this.#host.process();
    const { life } = process;
    const { signal, end } = life.shift(TIMING.shift);
    const answer = (): Promise<void> =>
      this.#cluster.attending(process, fn, Number(wakeUp.partition), (slot) => slot.answer(SILENT, signal));
    const done = (failed: boolean): void => {
      end();
      const { messageId, popReceipt, dequeueCount } = message;
      if (failed && dequeueCount >= MOST_DEQUEUES) watch.violate("a message came to the queue of poison");
      // The host's own calls; when it is too late for them, the message comes once more.
      scheduler.after(scheduler.between(1, 20), () => {
        try {
          if (failed && dequeueCount < MOST_DEQUEUES) this.#queue.update(messageId, popReceipt, 0);
          else this.#queue.delete(messageId, popReceipt);
        } catch {}
      });
    };
    life.after("message", 1, () => {
      this.#host.expect(
        life,
        "wake",
        answerMessage(answer, message.dequeueCount, () => undefined),
        done,
      );
    });
  }
}
