import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { JsonText } from "../../../lib/local/host/event-hubs/json-text.ts";

describe("JSON text", () => {
  it("says in ASCII what it was given, piece by piece", () => {
    const value = fc.jsonValue({ stringUnit: "binary" });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const text = new JsonText();
        for (const [i, one] of values.entries()) {
          text.add(i === 0 ? "[" : ",");
          text.add(JSON.stringify(one));
        }
        text.add("]");
        const bytes = text.toBytes();
        assert.ok(bytes.every((byte) => byte < 0x80));
        assert.deepEqual(JSON.parse(bytes.toString("latin1")), JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it("grows as far as it must", () => {
    const text = new JsonText();
    const piece = JSON.stringify("é".repeat(3_000));
    for (let i = 0; i < 5; i++) text.add(piece);
    assert.equal(text.toBytes().toString("latin1"), `"${"\\u00e9".repeat(3_000)}"`.repeat(5));
  });
});
