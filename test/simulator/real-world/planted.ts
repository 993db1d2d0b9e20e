import type { Edit } from "../mutants/mutant.ts";

/** A use of something real, put where no other test would miss it. */
export interface Planted extends Edit {
  /** As it is told. */
  readonly what: string;
}

function planted(what: string, file: string, find: string, replace: string): Planted {
  return { what, file, find, replace };
}

/** Puts a statement before code. */
function before(what: string, file: string, find: string, statement: string): Planted {
  return planted(what, file, find, `${statement}; ${find}`);
}

/** Of every kind, in code that always runs and in code that seldom does, in the engine and in the simulator itself. */
export const PLANTED: readonly Planted[] = [
  planted("Date.now", "engine/commits.ts", "world.now() - this.#waitingSince", "Date.now() - this.#waitingSince"),
  planted("new Date()", "testing/simulator/sim-hub.ts", "this.created = scheduler.now", "this.created = +new Date()"),
  planted("Date()", "sinks/files/names.ts", "String(batch).padStart(10", "(Date(), String(batch)).padStart(10"),
  before("performance.now", "sinks/cosmos/delivery.ts", "let since = world.now()", "performance.now()"),
  before("process.hrtime", "operators/dedupe.ts", "const id = this.#id(value)", "process.hrtime()"),
  planted("Math.random", "checkpoint/reliable.ts", "world.random()", "Math.random()"),
  before(
    "crypto.randomBytes",
    "testing/simulator/life.ts",
    "const bytes = new Uint8Array(16)",
    `process.getBuiltinModule("node:crypto").randomBytes(16)`,
  ),
  planted("webcrypto.randomUUID", "sinks/backoff.ts", "world.random()", "(crypto.randomUUID(), world.random())"),
  planted("Timeout", "sources/hub-bounds.ts", "= limit();", "= limit() ?? AbortSignal.timeout(20_000);"),
  before(
    "Timeout",
    "engine/try-again.ts",
    "await cache.refresh(tables)",
    "await new Promise((done) => setTimeout(done))",
  ),
  before("Immediate", "azure/slot.ts", "this.#batch = events", "await new Promise(setImmediate)"),
  before(
    "zlib.gzip",
    "sinks/side-output.ts",
    "await blob.uploadData(content,",
    `await new Promise((done) => process.getBuiltinModule("node:zlib").gzip(content, done))`,
  ),
  before(
    "FSREQCALLBACK",
    "sinks/hub/partition-sender.ts",
    "await backOff(",
    `await new Promise((done) => process.getBuiltinModule("node:fs").stat(".", done))`,
  ),
];
