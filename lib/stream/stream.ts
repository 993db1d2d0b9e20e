import type { Aggregate } from "../aggregates/aggregate.ts";
import type { Sink } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";
import { dedupeNode } from "../operators/dedupe.ts";
import { filterNode } from "../operators/filter.ts";
import { flatMapNode } from "../operators/flat-map.ts";
import { type JoinTableOptions, joinTableNode } from "../operators/join-table.ts";
import { keyByNode } from "../operators/key-by.ts";
import { mapNode } from "../operators/map.ts";
import { windowAggregateNode } from "../operators/window-aggregate.ts";
import { checkPlan } from "./check-plan.ts";
import { type Duration, milliseconds } from "./duration.ts";
import type { StageOptions } from "./on-error.ts";
import type { Pipeline } from "./pipeline.ts";
import type { EventTime, Plan, StageNode, TimeNode, WatermarkNode } from "./plan.ts";
import type { Schema } from "./schema.ts";
import type { Table } from "./table.ts";
import type { TumblingWindow } from "./window.ts";

/** What a stream has been told so far: whether its events have a time, and whether they have a key. */
export interface Traits {
  readonly timed: boolean;
  readonly keyed: boolean;
}

/** A step that is missing, told in the compile error's own words. */
export interface Missing<Advice extends string> {
  readonly " ": Advice;
}

type NeedsTime<S extends Traits, Argument, Step extends string> = S["timed"] extends true
  ? Argument
  : Missing<`call .eventTime() before .${Step}()`>;

type NeedsWindow<S extends Traits, Argument> = S["timed"] extends true
  ? S["keyed"] extends true
    ? Argument
    : Missing<"call .keyBy() before .window()">
  : Missing<"call .eventTime() before .window()">;

export type EventTimeOptions = (
  | {
      /** How far out of order events may come before they count as late: the watermark is the greatest event time less this. */
      readonly outOfOrder: Duration;
      /**
       * After a silence of this long, event time moves on with the time that passes, so that windows close although no
       * event comes; default: it waits for the next event.
       */
      readonly idle?: Duration;
    }
  | {
      /** The hub is written by Tidemark tasks: the watermark is the minimum of theirs, and travels in the messages. */
      readonly watermark: "upstream";
    }
) & {
  /** An event whose time is ahead of its enqueued time by more than this becomes a dead letter; default "1d". */
  readonly ahead?: Duration;
};

/** Columns of a windowed result, by name. */
export type AggregateSpec<T> = Readonly<Record<string, Aggregate<T, unknown>>>;

/** A windowed result: its key, its window as ISO 8601 UTC texts, and the aggregates. */
export type WindowResult<Spec> = {
  readonly key: string;
  readonly windowStart: string;
  readonly windowEnd: string;
} & { readonly [Column in keyof Spec]: Spec[Column] extends Aggregate<never, infer Result> ? Result : never };

/**
 * A typed, immutable description of a stream. Every step returns a new one; nothing runs until a function or a test
 * driver opens the pipeline that `.to()` makes.
 */
export class Stream<T, S extends Traits> {
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /**
   * Says where an event's time is and how the watermark follows it; throws PLAN_INVALID for a bad duration.
   * @example
   * stream("delays", Flight).eventTime((flight) => flight.scheduled, { outOfOrder: "2h" });
   */
  eventTime(read: (value: T) => EventTime, options: EventTimeOptions): Stream<T, { timed: true; keyed: S["keyed"] }> {
    if (this.#plan.stages.length > 0) {
      throw new TidemarkError("PLAN_INVALID", "eventTime() comes after other stages.", {
        pipeline: this.#plan.name,
        fix: "Call it first: the watermark follows the source's own events.",
      });
    }
    const watermark: WatermarkNode =
      "outOfOrder" in options
        ? { kind: "out-of-order", bound: milliseconds(options.outOfOrder, "outOfOrder") }
        : { kind: "upstream" };
    const ahead = milliseconds(options.ahead ?? "1d", "ahead");
    const idle = "idle" in options && options.idle !== undefined ? milliseconds(options.idle, "idle") : undefined;
    const time: TimeNode = { read: read as TimeNode["read"], watermark, idle, ahead };
    return new Stream({ ...this.#plan, source: { ...this.#plan.source, time } });
  }

  /**
   * Turns every value into another.
   * @example
   * stream("delays", Flight).map("hours", (flight) => ({ ...flight, delay: flight.delay / 60 }), {
   *   onError: { retry: { attempts: 5, delay: "1s" }, otherwise: "stop" },
   * });
   */
  map<Out>(name: string, fn: (value: T) => Out, options?: StageOptions): Stream<Out, S> {
    return this.#then(mapNode(name, fn, options));
  }

  /** Keeps the values that a predicate accepts. */
  filter<Kept extends T>(name: string, predicate: (value: T) => value is Kept, options?: StageOptions): Stream<Kept, S>;
  filter(name: string, predicate: (value: T) => boolean, options?: StageOptions): Stream<T, S>;
  filter(name: string, predicate: (value: T) => boolean, options?: StageOptions): Stream<T, S> {
    return this.#then(filterNode(name, predicate, options));
  }

  /** Turns every value into none, one or several; they succeed or fail together. */
  flatMap<Out>(name: string, fn: (value: T) => Iterable<Out>, options?: StageOptions): Stream<Out, S> {
    return this.#then(flatMapNode(name, fn, options));
  }

  /**
   * Names the key that windows and joins go by. It is local to a partition: the hub must be partitioned by the same key,
   * or two tasks would each hold a part of one window. To group by another key, write to a hub keyed by it and read that.
   */
  keyBy(key: (value: T) => string, options?: StageOptions): Stream<T, { timed: S["timed"]; keyed: true }> {
    const earlier = this.#plan.stages.filter((stage) => stage.kind === "keyBy").length;
    return this.#then(keyByNode(earlier === 0 ? "key" : `key-${earlier + 1}`, key, options));
  }

  /**
   * Drops an event when one with the same id came on this partition within a bound of event time; throws PLAN_INVALID
   * for a bad duration.
   */
  dedupe(
    name: string,
    id: NeedsTime<S, (value: T) => string, "dedupe">,
    options: StageOptions & {
      readonly within: Duration;
      /** How much longer ids are kept, in event time, so that redriven events can still be judged; default 0. */
      readonly keep?: Duration;
    },
  ): Stream<T, S> {
    const within = milliseconds(options.within, `within of "${name}"`);
    const keep = milliseconds(options.keep ?? 0, `keep of "${name}"`);
    if (within === 0) throw new TidemarkError("PLAN_INVALID", `within of "${name}" must be above zero.`);
    return this.#then(dedupeNode(name, id as (value: never) => string, within, { onError: options.onError, keep }));
  }

  /**
   * Looks a row up in a table, by the stream's key or by `on`, and joins it; without a row the join gets undefined.
   * @example
   * flights.joinTable("with-airport", airports, (flight, airport) => ({ ...flight, state: airport?.state ?? "unknown" }));
   */
  joinTable<Row, Out>(
    name: string,
    table: Table<Row>,
    join: (value: T, row: Row) => Out,
    options: JoinTableOptions<T> & { readonly missing: "dead-letter" } & JoinKey<T, S>,
  ): Stream<Out, S>;
  joinTable<Row, Out>(
    name: string,
    table: Table<Row>,
    join: (value: T, row: Row | undefined) => Out,
    ...options: S["keyed"] extends true
      ? [options?: JoinTableOptions<T>]
      : [options: JoinTableOptions<T> & JoinKey<T, S>]
  ): Stream<Out, S>;
  joinTable<Row, Out>(
    name: string,
    table: Table<Row>,
    join: (value: T, row: never) => Out,
    options: JoinTableOptions<T> = {},
  ): Stream<Out, S> {
    return this.#then(
      joinTableNode(name, table as unknown as Table<unknown>, join as never, options as JoinTableOptions<never>),
    );
  }

  /** Groups events of one key by windows of event time; say with `.aggregate()` what to make of them. */
  window(window: NeedsWindow<S, TumblingWindow>): WindowedStream<T> {
    const add = (node: StageNode) => this.#then<never>(node);
    return new WindowedStream<T>(window as TumblingWindow, add);
  }

  /** Ends the pipeline: every value goes to all of the sinks. Throws PLAN_INVALID with all that is wrong with the plan. */
  to(...sinks: readonly [Sink<T>, ...Sink<T>[]]): Pipeline {
    const plan = checkPlan({ ...this.#plan, sinks });
    return { name: plan.name, plan };
  }

  #then<Out>(node: StageNode): Stream<Out, never> {
    return new Stream<Out, never>({ ...this.#plan, stages: [...this.#plan.stages, node] });
  }
}

type JoinKey<T, S extends Traits> = S["keyed"] extends true ? unknown : { readonly on: (value: T) => string };

/** A stream cut into windows. */
export class WindowedStream<T> {
  readonly #window: TumblingWindow;
  readonly #add: (node: StageNode) => Stream<never, never>;

  constructor(window: TumblingWindow, add: (node: StageNode) => Stream<never, never>) {
    this.#window = window;
    this.#add = add;
  }

  /**
   * Computes columns over each key's window. The result is stamped with the window's last millisecond.
   * @example
   * windowed.aggregate("stats", { flights: count(), p95Delay: quantile(0.95, (flight) => flight.delay) });
   */
  aggregate<Spec extends AggregateSpec<T>>(
    name: string,
    spec: Spec,
    options?: StageOptions,
  ): Stream<WindowResult<Spec>, { timed: true; keyed: true }> {
    return this.#add(windowAggregateNode(name, this.#window, spec as never, options)) as never;
  }
}

/**
 * Begins a pipeline: reads JSON events that a Standard Schema (zod, valibot, …) describes; what the schema or
 * `eventTime()` refuses becomes a dead letter, or what `onError` says.
 * @example
 * const flights = stream("delays", z.object({ origin: z.string(), delay: z.number() }));
 */
export function stream<T>(
  name: string,
  schema: Schema<T>,
  { onError }: StageOptions = {},
): Stream<T, { timed: false; keyed: false }> {
  return new Stream({ name, source: { schema, time: undefined, onError }, stages: [], sinks: [] });
}
