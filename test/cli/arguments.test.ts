import assert from "node:assert/strict";
import { test } from "node:test";
import { oneOf, parseOptions, percentage, wholeNumber } from "../../lib/cli/arguments.ts";
import type { OptionSpecs } from "../../lib/cli/command.ts";

const SPECS: OptionSpecs = {
  once: { type: "boolean", help: "" },
  events: { type: "string", value: "N", help: "" },
  hub: { type: "string", multiple: true, value: "NAME:PARTITIONS", help: "" },
};

test("options come back with their values, repeated ones as a list", () => {
  const values = parseOptions(SPECS, ["--once", "--events", "5", "--hub", "a:1", "--hub=b:2"]);
  assert.deepEqual(values, { once: true, events: "5", hub: ["a:1", "b:2"] });
});

const REFUSED: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["--evnts", "5"], /no option --evnts\. Did you mean --events\?$/],
  [["--zzzzzz"], /no option --zzzzzz\. --help lists/],
  [["once"], /no "once"\. Did you mean --once\?$/],
  [["--once=yes"], /--once takes no value/],
  [["--events"], /--events needs a value\. Write --events N\.$/],
  [["--events="], /--events needs a value/],
];

for (const [args, message] of REFUSED) {
  test(`refuses ${args.join(" ")} in one sentence`, () => {
    assert.throws(() => parseOptions(SPECS, args), { code: "CONFIGURATION", message });
  });
}

test("whole numbers are read within bounds", () => {
  assert.equal(wholeNumber("--events", "20_000", 1, 3_000_000), 20_000);
  for (const wrong of ["", "0", "-1", "1.5", "3000001", "many", "1e3"]) {
    assert.throws(() => wholeNumber("--events", wrong, 1, 3_000_000), { message: /from 1 to 3000000/ }, wrong);
  }
});

test("percentages are read as shares of one", () => {
  assert.equal(percentage("--noise", "0.5", 50), 0.005);
  assert.equal(percentage("--noise", "50%", 50), 0.5);
  for (const wrong of ["51", "-1", "half", ""])
    assert.throws(() => percentage("--noise", wrong, 50), /from 0 to 50/, wrong);
});

test("a word must be one of a few", () => {
  assert.equal(oneOf("--ports", "free", ["default", "free"]), "free");
  assert.throws(() => oneOf("--ports", "fre", ["default", "free"]), { message: /Give default or free\.$/ });
});
