import assert from "node:assert/strict";
import { it } from "node:test";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { sinkConformance } from "./conformance.ts";
import { localConnections, Owner } from "./support.ts";

interface Value {
  readonly key: string;
  readonly version: number;
}

const connections = localConnections({});

sinkConformance<Value>("memory sink", async () => {
  const sink = memorySink<Value>();
  return {
    sink,
    connections,
    keeps: "every",
    value: (key, version) => ({ key, version }),
    read: async () => {
      const byKey = Map.groupBy(sink.values, ({ key }) => key);
      return new Map([...byKey].map(([key, values]) => [key, values.map(({ version }) => version)]));
    },
  };
});

it("tells the values of one partition, and forgets when it is told to", async () => {
  const sink = memorySink<number>("numbers");
  const [first, second] = await Promise.all(
    ["0", "1"].map((partition) => Owner.open(sink, { connections, partition })),
  );
  await first?.deliver(first.frame([1, 2]));
  await second?.deliver(second.frame([3]));
  assert.deepEqual([sink.values, sink.valuesOf("1")], [[1, 2, 3], [3]]);
  sink.clear();
  assert.deepEqual(sink.values, []);
});
