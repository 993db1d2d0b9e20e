import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readBatch } from "../../lib/azure/batch.ts";

const PLACE = {
  isCheckpointingAfterInvocation: true,
  fullyQualifiedNamespace: "localhost",
  eventHubName: "flights",
  consumerGroup: "delays",
  partitionId: "3",
};

/** As the worker hands it over for `cardinality: "many"`, `dataType: "binary"`: two events, the second without a key. */
function manyMetadata(): Record<string, unknown> {
  return {
    triggerPartitionContext: PLACE,
    partitionContext: PLACE,
    partitionKeyArray: [17],
    offsetArray: ["4096", "4200"],
    sequenceNumberArray: [
      { low: 41, high: 0, unsigned: false },
      { low: 42, high: 0, unsigned: false },
    ],
    enqueuedTimeUtcArray: ["2026-11-22T12:00:00.123", "2026-11-22T12:00:01"],
    propertiesArray: [{ tidemark: "legs/0;1;7;-9007199254740991;4" }, {}],
    systemPropertiesArray: [
      {
        "x-opt-sequence-number-epoch": -1,
        sequenceNumber: 41,
        offset: 4096,
        offsetString: "4096",
        partitionKey: "17",
        enqueuedTimeUtc: "2026-11-22T12:00:00.123",
      },
      {
        sequenceNumber: 42,
        offset: 4200,
        offsetString: "4200",
        partitionKey: null,
        enqueuedTimeUtc: "2026-11-22T12:00:01",
      },
    ],
  };
}

describe("a trigger's batch", () => {
  it("becomes events of one partition", () => {
    const bodies = [Buffer.from('{"id":"a"}'), Buffer.alloc(0)];
    assert.deepEqual(readBatch(bodies, manyMetadata()), {
      partition: "3",
      hub: "flights",
      consumerGroup: "delays",
      events: [
        {
          sequenceNumber: 41,
          enqueuedTime: Date.UTC(2026, 10, 22, 12, 0, 0, 123),
          partitionKey: "17",
          properties: { tidemark: "legs/0;1;7;-9007199254740991;4" },
          body: bodies[0],
        },
        {
          sequenceNumber: 42,
          enqueuedTime: Date.UTC(2026, 10, 22, 12, 0, 1),
          partitionKey: undefined,
          properties: {},
          body: bodies[1],
        },
      ],
    });
  });

  it("may be a single event", () => {
    const batch = readBatch(Buffer.from("x"), {
      partitionContext: PLACE,
      partitionKey: 17,
      sequenceNumber: { low: 41, high: 0, unsigned: false },
      properties: { color: "red" },
      systemProperties: { sequenceNumber: 41, partitionKey: "17", enqueuedTimeUtc: "2026-11-22T12:00:00.1234567Z" },
    });
    assert.deepEqual(batch.events, [
      {
        sequenceNumber: 41,
        enqueuedTime: Date.UTC(2026, 10, 22, 12, 0, 0, 123),
        partitionKey: "17",
        properties: { color: "red" },
        body: Buffer.from("x"),
      },
    ]);
  });

  it("keeps sequence numbers above 2^32", () => {
    const metadata = manyMetadata();
    metadata.propertiesArray = [{}];
    metadata.systemPropertiesArray = [{ sequenceNumber: 2 ** 40, enqueuedTimeUtc: "2026-11-22T12:00:00" }];
    assert.equal(readBatch([Buffer.from("x")], metadata).events[0]?.sequenceNumber, 2 ** 40);
  });

  const refused: [string, unknown, (metadata: Record<string, unknown>) => unknown, RegExp][] = [
    ["no metadata", [Buffer.from("x")], () => undefined, /Register the function with app\.eventHub/],
    ["a body missing", [Buffer.from("x")], (m) => m, /1 bodies, but properties of 2.*dataType "binary"/],
    [
      "no properties",
      [Buffer.from("x"), Buffer.from("y")],
      ({ propertiesArray: _, ...rest }) => rest,
      /properties of 0/,
    ],
    [
      "fewer properties than bodies",
      [Buffer.from("x"), Buffer.from("y")],
      (m) => ({ ...m, propertiesArray: [{}] }),
      /2 bodies, but properties of 1/,
    ],
    ["text bodies", ["{}", "{}"], (m) => m, /body as string.*dataType "binary"/],
    ["parsed bodies", [{ id: 1 }, { id: 2 }], (m) => m, /body as object.*dataType "binary"/],
    [
      "no partition",
      [Buffer.from("x"), Buffer.from("y")],
      ({ partitionContext: _, triggerPartitionContext: __, ...rest }) => rest,
      /extension bundle/,
    ],
    [
      "no sequence number",
      [Buffer.from("x")],
      (m) => ({ ...m, propertiesArray: [{}], systemPropertiesArray: [{ enqueuedTimeUtc: "2026-11-22T12:00:00" }] }),
      /extension bundle/,
    ],
    [
      "an unreadable time",
      [Buffer.from("x")],
      (m) => ({
        ...m,
        propertiesArray: [{}],
        systemPropertiesArray: [{ sequenceNumber: 1, enqueuedTimeUtc: "yesterday" }],
      }),
      /enqueued time/,
    ],
  ];
  for (const [what, payload, change, message] of refused) {
    it(`is refused with ${what}`, () => {
      const metadata = change(manyMetadata()) as Record<string, unknown> | undefined;
      assert.throws(() => readBatch(payload, metadata), { code: "CONFIGURATION", message });
    });
  }
});
