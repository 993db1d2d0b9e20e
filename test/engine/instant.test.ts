import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseInstant } from "../../lib/engine/instant.ts";

describe("an instant", () => {
  it("is what Date.parse says, of times and of what is nearly one", () => {
    const part = (most: number, digits = 2) => fc.nat(most).map((number) => String(number).padStart(digits, "0"));
    const day = fc.tuple(fc.constantFrom("2001", "1970", "0099", "9999", "12.5"), part(13), part(32));
    const time = fc.tuple(part(25), part(61), part(61), fc.constantFrom("Z", "", "z", ".5Z", "+02:00"));
    const noise = fc.record({ at: fc.nat(19), char: fc.constantFrom("", "x", " ", "-", "+", "٣") });
    const text = fc.tuple(day, time, fc.option(noise, { freq: 3 })).map(([date, [h, m, s, zone], change]) => {
      const whole = `${date.join("-")}T${h}:${m}:${s}${zone}`;
      return change === null ? whole : whole.slice(0, change.at) + change.char + whole.slice(change.at + 1);
    });
    fc.assert(
      fc.property(text, (one) => {
        assert.equal(parseInstant(one), Date.parse(one));
      }),
      { numRuns: 3_000 },
    );
  });
});
