import { describe, it } from "node:test";
import { sinkConformance as casesOf, type SinkUnderTest } from "../../lib/testing/index.ts";

export type { SinkUnderTest } from "../../lib/testing/index.ts";

/** Runs the cases of `lib/testing/sink-conformance` on a sink. */
export function sinkConformance<T>(name: string, make: () => Promise<SinkUnderTest<T>>): void {
  describe(`${name}: what every sink must hold`, () => {
    for (const { name: title, run } of casesOf(make)) it(title, run);
  });
}
