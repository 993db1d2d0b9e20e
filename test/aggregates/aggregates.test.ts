import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Aggregate, avg, count, first, last, max, min, quantile, sum } from "../../lib/aggregates/index.ts";

type Row = { readonly n: number | null };
const n = (row: Row) => row.n;

function run<R>(aggregate: Aggregate<Row, R>, values: readonly (number | null)[]): R {
  let accumulator = aggregate.initial();
  for (const value of values) {
    const input = aggregate.input({ n: value });
    if (input !== undefined) accumulator = aggregate.add(accumulator, input);
  }
  return aggregate.result(accumulator);
}

const numbers = fc.array(fc.option(fc.integer({ min: -50, max: 50 })), { maxLength: 40 });
const present = (values: readonly (number | null)[]) => values.filter((value) => value !== null);

test("every aggregate agrees with its definition over a whole list", () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const kept = present(values);
      const total = kept.reduce((a, b) => a + b, 0);
      assert.equal(run(count(), values), values.length);
      assert.equal(
        run(
          count((row) => (row.n ?? 0) > 0),
          values,
        ),
        kept.filter((value) => value > 0).length,
      );
      assert.equal(run(sum(n), values), total);
      assert.equal(run(avg(n), values), kept.length === 0 ? null : total / kept.length);
      assert.equal(run(min(n), values), kept.length === 0 ? null : Math.min(...kept));
      assert.equal(run(max(n), values), kept.length === 0 ? null : Math.max(...kept));
      assert.equal(run(first(n), values), kept[0] ?? null);
      assert.equal(run(last(n), values), kept.at(-1) ?? null);
    }),
  );
});

test("quantile is the value at the nearest rank", () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const kept = present(values).sort((a, b) => a - b);
      const expected = kept.length === 0 ? null : kept[Math.ceil((percent * kept.length) / 100) - 1];
      assert.equal(run(quantile(percent / 100, n), values), expected);
    }),
  );
});

test("quantile takes rank 19 of 20 for 0.95, although 0.95 · 20 is a little more in floating point", () => {
  const values = Array.from({ length: 20 }, (_, i) => i + 1);
  assert.equal(run(quantile(0.95, n), values), 19);
  assert.equal(run(quantile(0.55, n), values), 11);
});

test("what is no number is refused by name, and a bad quantile too", () => {
  const wrong = { n: "12" } as unknown as Row;
  assert.throws(() => sum(n).input(wrong), /sum\(\) was given "12", which is not a number/);
  assert.throws(() => quantile(0, n), { code: "PLAN_INVALID" });
  assert.throws(() => quantile(95, n), { code: "PLAN_INVALID" });
});

test("accumulators are plain data: what they hold survives being stored", () => {
  for (const aggregate of [count<Row>(), sum(n), avg(n), min(n), max(n), quantile(0.5, n), first(n), last(n)]) {
    let accumulator: unknown = aggregate.initial();
    for (const value of [3, 1, 2])
      accumulator = aggregate.add(structuredClone(accumulator), aggregate.input({ n: value }));
    assert.equal(aggregate.result(structuredClone(accumulator)), run(aggregate as Aggregate<Row, unknown>, [3, 1, 2]));
  }
});
