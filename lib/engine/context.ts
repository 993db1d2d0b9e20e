import type { ErrorPolicy } from "../stream/on-error.ts";
import type { Effects } from "./effects.ts";
import { NO_WATERMARK } from "./frame.ts";
import { slotOf } from "./ledger.ts";
import { idOf, type Result } from "./operator.ts";
import type { HubEvent } from "./ports.ts";
import type { Retries } from "./retries.ts";
import type { SideOutput } from "./side-output.ts";
import type { RecordMeta } from "./sink.ts";
import { StageFailure } from "./stage-failure.ts";

/** What stages know of the event in hand. One object a task, changed from event to event. */
export class EventContext implements RecordMeta {
  timestamp = 0;
  /** Whether the event's time has been read already. */
  timed = false;
  key: string | undefined;
  /** Whether the event, though late, may change what stages keep for events that are brought back. */
  reopens = false;
  /** The watermark that the event is judged by: as it was before the event. */
  watermark: number = NO_WATERMARK;
  enqueuedTime = 0;
  sequenceNumber = 0;
  /** Undefined while a frame closes and windows emit. */
  event: HubEvent | undefined;
  /** The ledger row of the stage whose code runs: whom to blame when it throws. */
  stage = 0;
  /** Grows with every event and every emitted result. */
  turn = 0;
  readonly effects: Effects;
  readonly #side: SideOutput;
  readonly #stages: readonly string[];
  readonly #policies: readonly (ErrorPolicy | undefined)[];
  readonly #retries: Retries;
  /** Whose result is in hand, and its key there: stages behind may give it another. */
  #resultStage = "";
  #resultKey = "";

  constructor(
    effects: Effects,
    side: SideOutput,
    stages: readonly string[],
    policies: readonly (ErrorPolicy | undefined)[],
    retries: Retries,
  ) {
    this.effects = effects;
    this.#side = side;
    this.#stages = stages;
    this.#policies = policies;
    this.#retries = retries;
  }

  /** The stage whose code runs. */
  get stageName(): string {
    return this.#stages[this.stage] ?? "";
  }

  /** The result in hand; undefined while there is an event. */
  get result(): Result | undefined {
    if (this.event !== undefined) return undefined;
    return { stage: this.#resultStage, key: this.#resultKey, timestamp: this.timestamp };
  }

  /** Turns to a result that a stage emits while a frame closes; `watermark` is as it was before. */
  begin(stage: string, timestamp: number, key: string, watermark: number): void {
    this.turn++;
    this.timestamp = timestamp;
    this.key = key;
    this.#resultStage = stage;
    this.#resultKey = key;
    this.watermark = watermark;
    this.timed = true;
    this.event = undefined;
    this.reopens = false;
  }

  /** Sends the value in hand to the late side output, once the event's path has succeeded. */
  late(stage: string, value: unknown, reason: string): void {
    this.effects.defer(this.#side, this.#side.record("late", stage, this, value, reason), undefined, 0);
  }

  /**
   * Withdraws all that the event or result in hand was about to change. As its stage's policy says, makes it a dead letter
   * of that stage, or throws StageFailure: then it is as if it had not come yet.
   */
  fail(value: unknown, thrown: unknown): void {
    const policy = this.#policies[this.stage];
    const { result } = this;
    const before =
      result === undefined ? this.#retries.triesOf(this.sequenceNumber) : this.#retries.triesOfResult(idOf(result));
    const tries = before + 1;
    if (policy !== undefined) {
      const failure = new StageFailure(
        { stage: this.stageName, sequenceNumber: this.sequenceNumber, result },
        tries,
        policy,
        thrown,
      );
      if (failure.again || policy.otherwise === "stop") {
        this.effects.discard();
        throw failure;
      }
    }
    this.setAside(value, thrown, tries);
  }

  /** Withdraws all that the event or result in hand was about to change, and makes it a dead letter of the stage in hand. */
  setAside(value: unknown, why: unknown, tries = 1): void {
    const stage = this.effects.withdraw(this.stage);
    this.effects.count(slotOf(stage, "deadLettered"));
    this.effects.apply();
    const record = this.#side.record("dead-letter", this.stageName, this, value, why);
    this.#side.apply(tries === 1 ? record : { ...record, attempts: tries });
  }
}
