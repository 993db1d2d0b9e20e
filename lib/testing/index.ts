/** What tests of pipelines import: `import { testDriver, simulate } from "tidemark/testing"`. */
export { FAULT_KINDS, type FaultKind } from "./simulator/faults.ts";
export type { RunResult } from "./simulator/run.ts";
export { type SimulateOptions, simulate } from "./simulator/simulate.ts";
export { type ConformanceCase, type SinkUnderTest, sinkConformance } from "./sink-conformance/index.ts";
export { type SendOptions, type TestDriver, type TestDriverOptions, testDriver } from "./test-driver.ts";
