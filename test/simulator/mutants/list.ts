import { ENGINE_MUTANTS } from "./engine-mutants.ts";
import { ISOLATION_MUTANTS } from "./isolation-mutants.ts";
import { LOG_MUTANTS } from "./log-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { SINK_MUTANTS } from "./sink-mutants.ts";
import { WAKING_MUTANTS } from "./waking-mutants.ts";

/** Every broken variant that the simulator must catch. */
export const MUTANTS: readonly Mutant[] = [
  ...LOG_MUTANTS,
  ...ENGINE_MUTANTS,
  ...SINK_MUTANTS,
  ...WAKING_MUTANTS,
  ...ISOLATION_MUTANTS,
];
