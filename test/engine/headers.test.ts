import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { END_OF_TIME, NO_WATERMARK } from "../../lib/engine/frame.ts";
import { formatProducerHeader, parseProducerHeader } from "../../lib/engine/headers.ts";

describe("a producer's header", () => {
  it("is read as it was written", () => {
    const fields = {
      producer: fc.stringMatching(/^[a-z-]{1,20}\/\d{1,2}$/),
      generation: fc.nat(),
      sequence: fc.nat(),
      watermark: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(NO_WATERMARK, END_OF_TIME, -1, 0)),
      producers: fc.nat(32),
      control: fc.boolean(),
    };
    const header = fc.record(fields, { noNullPrototype: true });
    fc.assert(
      fc.property(header, (one) => {
        assert.deepEqual(parseProducerHeader(formatProducerHeader(one)), one);
      }),
    );
  });

  it("is not what only looks like one", () => {
    const broken = [
      ...["", ";1;2;3;4", "legs/0", "legs/0;1;2;3", "legs/0;1;2;3;", "legs/0;1;;3;4", "legs/0;1;2;3;4;5"],
      ...["legs/0;1;2;3;4;controls", "legs/0;1;2;3;4;x;control", "legs/0;1;2;3;control", "legs/0;a;2;3;4"],
      ...["legs/0;1;2;-;4", "legs/0;1;2;3.5;4", "legs/0;1;2;3e3;4", "legs/0;1;2;9007199254740992;4"],
      ...["legs/0;1;9007199254740992;3;4", "legs/0;9999999999999999999999;2;3;4"],
    ];
    for (const text of broken) assert.equal(parseProducerHeader(text), undefined, text);
    for (const value of [undefined, null, 7, Buffer.from("legs/0;1;2;3;4")]) {
      assert.equal(parseProducerHeader(value), undefined);
    }
  });
});
