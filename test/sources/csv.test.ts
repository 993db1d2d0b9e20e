import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseCsv } from "../../lib/sources/csv.ts";

describe("CSV", () => {
  it("becomes rows named by the header", () => {
    const rows = [
      { id: "1", name: "A, B", note: 'say "hi"' },
      { id: "2", name: "two\nlines", note: "" },
    ];
    for (const end of ["\n", "\r\n"]) {
      const text = ["id,name,note", '1,"A, B","say ""hi"""', `2,"two\nlines",`, "", ""].join(end);
      assert.deepEqual(parseCsv(text), rows);
      assert.deepEqual(parseCsv(`\uFEFF${text.trimEnd()}`), rows);
    }
    assert.deepEqual(parseCsv(""), []);
    assert.deepEqual(parseCsv("id,name\n"), []);
  });

  it("gives back what was written, whatever the values hold", () => {
    const value = fc.string({ unit: fc.constantFrom("a", "é", ",", '"', "\n", "\r", "\r\n", " ", "😀") });
    const records = fc.array(fc.tuple(value, value), { minLength: 1 });
    const write = (fields: readonly string[]) => fields.map((one) => `"${one.replaceAll('"', '""')}"`).join(",");
    fc.assert(
      fc.property(records, fc.constantFrom("\n", "\r\n"), (rows, end) => {
        const text = [["a", "b"], ...rows].map(write).join(end);
        assert.deepEqual(
          parseCsv(text),
          rows.map(([a, b]) => ({ a, b })),
        );
      }),
    );
  });

  const wrong: [string, string, RegExp][] = [
    ["too few values", "a,b\n1,2\n3", /line 3 has 1 values where the header has 2/],
    ["too many values, after a value of two lines", 'a,b\n"1\n",2\n3,4,5', /line 4 has 3 values/],
    ["a quote without end", 'a\n1\n"2\n3', /line 3 begins a quoted value that never ends/],
    ["text after a quote", 'a\n"1"2', /line 2 goes on after the end/],
    ["a quote in the middle", 'a\n1"2"', /line 2 has a quote inside/],
  ];
  for (const [what, text, message] of wrong) {
    it(`with ${what} is refused, naming the line`, () => {
      assert.throws(() => parseCsv(text), message);
    });
  }
});
