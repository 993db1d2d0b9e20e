/** `npm run bench` runs the benchmarks that print ratios; `npm run bench -- NAME [options]` runs one of them. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const BENCHMARKS: Readonly<Record<string, string>> = {
  engine: "the engine against a hand-written loop of the same job on the same bytes",
  checkpoint: "a commit against a bare append of the same bytes; recovery; snapshots",
  latency: "from the event that closes a window being accepted to its result being readable",
  sinks: "processor time of a document and of a message, against the bare SDK",
  hub: "the embedded Event Hubs: events a second, in and out",
  cosmos: "the embedded Cosmos DB: write paths of the SDK",
  "cold-start": "importing the bundle in a fresh process; its size zipped",
};
const BY_DEFAULT = ["engine", "checkpoint", "latency"];

const [name, ...options] = process.argv.slice(2);
if (name !== undefined && !Object.hasOwn(BENCHMARKS, name)) {
  const list = Object.entries(BENCHMARKS).map(([key, what]) => `  ${key.padEnd(12)}${what}`);
  console.error(["Usage: npm run bench -- [NAME] [options]", "", ...list].join("\n"));
  process.exit(name === "--help" ? 0 : 1);
}
let failed = false;
for (const one of name === undefined ? BY_DEFAULT : [name]) {
  if (name === undefined) console.log(`\n${one}: ${BENCHMARKS[one]}`);
  const program = join(import.meta.dirname, `${one}.ts`);
  const run = spawnSync(
    process.execPath,
    ["--expose-gc", "--disable-warning=ExperimentalWarning", program, ...options],
    {
      stdio: "inherit",
    },
  );
  failed ||= run.status !== 0;
}
process.exit(failed ? 1 : 0);
