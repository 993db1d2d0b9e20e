import assert from "node:assert/strict";
import { it } from "node:test";
import type { Sink } from "../../lib/engine/sink.ts";
import { cosmos, files, toHub } from "../../lib/sinks/index.ts";

interface WithId {
  readonly id: string;
  readonly origin: string;
}

interface WithoutId {
  readonly origin: string;
  readonly flights: number;
}

const TARGET = { databaseName: "analytics", containerName: "delays", partitionKey: "/origin" } as const;

/** Stands for the end of a pipeline whose values are of type T. */
class End<T> {
  readonly sinks: Sink<T>[] = [];

  to(...sinks: readonly [Sink<T>, ...Sink<T>[]]): this {
    this.sinks.push(...sinks);
    return this;
  }
}

// The type checker is the judge here: a line that should not compile and does is an error of `npm run typecheck`.
it("takes its value's type from the pipeline", () => {
  const withId = new End<WithId>().to(
    cosmos({ ...TARGET }),
    cosmos({ ...TARGET, id: (value) => `${value.origin}-1` }),
    toHub({ eventHubName: "legs", key: (value) => value.origin }),
  );
  const withoutId = new End<WithoutId>().to(cosmos({ ...TARGET, id: (value) => value.flights.toFixed() }));
  assert.deepEqual([withId.sinks.length, withoutId.sinks.length], [3, 1]);
});

it("asks for an id when the value has none", () => {
  const end = new End<WithoutId>();
  // @ts-expect-error Property 'id' is missing in type {…} but required in type { readonly id: (value: WithoutId) => string }
  end.to(cosmos({ ...TARGET }));
  // @ts-expect-error Type 'number' is not assignable to type 'string'
  end.to(cosmos({ ...TARGET, id: (value) => value.flights }));
  // @ts-expect-error Property 'route' does not exist on type 'WithoutId'
  end.to(toHub({ eventHubName: "legs", key: (value) => value.route }));
  assert.equal(end.sinks.length, 3);
});

it("asks for a Parquet column for every field, of a type that can hold it", () => {
  const end = new End<WithoutId>();
  end.to(files({ container: "archive" }), files({ container: "other", key: (value) => value.origin }));
  end.to(files({ container: "archive", format: "parquet", columns: { origin: "string", flights: "int32" } }));
  // @ts-expect-error Property 'columns' is missing
  assert.throws(() => end.to(files({ container: "archive", format: "parquet" })), { code: "CONFIGURATION" });
  // @ts-expect-error Property 'flights' is missing
  end.to(files({ container: "archive", format: "parquet", columns: { origin: "string" } }));
  // @ts-expect-error Type '"boolean"' is not assignable to type '"int32" | "int64" | "double" | "timestamp"'
  end.to(files({ container: "archive", format: "parquet", columns: { origin: "string", flights: "boolean" } }));
  // @ts-expect-error Property 'route' does not exist on type 'WithoutId'
  end.to(files({ container: "archive", key: (value) => value.route }));
});
