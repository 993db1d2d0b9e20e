import type { Table } from "../stream/table.ts";
import type { StoreChange } from "./frame.ts";
import { idOf, type Result } from "./operator.ts";
import type { TaskId } from "./ports.ts";
import type { Parts } from "./recover.ts";
import type { Seclusion } from "./seclusion.ts";
import { condemnedResult } from "./side-record.ts";
import { StageFailure } from "./stage-failure.ts";
import type { TaskPorts } from "./task.ts";
import { waitToTryAgain } from "./try-again.ts";

export interface ResultRunnerOptions {
  readonly id: TaskId;
  readonly ports: TaskPorts;
  readonly parts: Parts;
  readonly seclusion: Seclusion;
  /** Read again before a result is tried again. */
  readonly tables: readonly Table<unknown>[];
  /** Notes something in the log of which nothing is committed by that. */
  readonly note: (notes: readonly StoreChange[], held?: StageFailure) => Promise<void>;
}

/**
 * Takes what windows emit when a frame closes through the stages behind them: a result that fails is held until it may be
 * tried again, one that may kill is tried alone. The frame waits meanwhile, and holds all of them in the end.
 */
export class ResultRunner {
  readonly #options: ResultRunnerOptions;

  constructor(options: ResultRunnerOptions) {
    this.#options = options;
  }

  /** Emits all that the coming frame lets windows emit; throws STAGE_FAILED where a stage says to stop. */
  async emit(signal: AbortSignal): Promise<void> {
    const { isolation, processor } = this.#options.parts;
    for (;;) {
      try {
        return isolation.careful ? await this.#carefully(signal) : processor.emit();
      } catch (thrown) {
        if (!(thrown instanceof StageFailure)) throw thrown;
        await this.#hold(thrown, signal);
      }
    }
  }

  /**
   * After several openings without progress: results are announced in the log and emitted alone, and when that goes well
   * in runs that grow. Where a run ends the process, the next one begins with that run's first result alone.
   */
  async #carefully(signal: AbortSignal): Promise<void> {
    const { seclusion, note, parts } = this.#options;
    const { processor, isolation } = parts;
    const { results } = isolation;
    for (let next = processor.nextResult; next !== undefined; next = processor.nextResult) {
      signal.throwIfAborted();
      const id = idOf(next);
      const run = results.run(processor.emitted);
      if (results.condemned(id)) processor.refuseResult(condemnedResult(next));
      else if (run === 1) await seclusion.alone(() => this.#tryAlone(id));
      else {
        await note(results.begin(processor.emitted, undefined));
        while (seclusion.taken !== undefined) await seclusion.taken;
        this.#together(run);
      }
    }
    // What may end the process from here on is none of them.
    const notes = results.absolve();
    if (notes.length > 0) await note(notes);
  }

  async #tryAlone(id: string): Promise<void> {
    const { note, parts } = this.#options;
    const { processor, isolation } = parts;
    await note(isolation.results.begin(processor.emitted, id));
    try {
      processor.emit(1);
    } finally {
      isolation.results.survived();
    }
  }

  /** Emits results that go together, without those of which an earlier process died. */
  #together(run: number): void {
    const { processor, isolation } = this.#options.parts;
    for (let i = 0; i < run; i++) {
      const next = processor.nextResult;
      if (next === undefined) return;
      if (isolation.results.condemned(idOf(next))) processor.refuseResult(condemnedResult(next));
      else processor.emit(1);
    }
  }

  /** Waits until a result may be tried again; throws STAGE_FAILED when it may not. */
  async #hold(failure: StageFailure, signal: AbortSignal): Promise<void> {
    const { id, ports, parts, tables, note, seclusion } = this.#options;
    const { processor, isolation } = parts;
    if (!failure.again) throw failure.stopped(id);
    const retry = processor.noteRetry(failure.result as Result, failure.tries);
    await note([retry, ...isolation.results.absolve()], failure);
    await waitToTryAgain(failure, ports, tables, signal, () => note([], failure));
    while (seclusion.taken !== undefined) await seclusion.taken;
  }
}
