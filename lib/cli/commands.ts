import type { Command } from "./command.ts";

const PORTS_HELP =
  '"default" insists on the well-known ports (5672, 8081, 10000–10002); "free" takes any; without it, a port that is taken is replaced';

/** Every command there is. Each loads its own module, so that `--help` answers at once. */
export const COMMANDS: readonly Command[] = [
  {
    name: "start",
    summary: "Runs the function app on local services, with three million real flights to feed it.",
    options: {
      once: { type: "boolean", help: "publish, wait until every window has closed, verify everything, and end" },
      json: { type: "boolean", help: "with --once: print one JSON object on standard output and nothing else" },
      events: { type: "string", value: "N", help: "how many events to publish, 1 to 3000000 (20000)" },
      noise: {
        type: "string",
        value: "P",
        help: "how many per cent of the events are malformed, against the schema, or duplicates (0.5)",
      },
      seed: { type: "string", value: "N", help: "which noise; the same seed makes the same events (1)" },
      kill: { type: "string", value: "N", help: "with --once: SIGKILL the worker process N times on the way (0)" },
      sink: {
        type: "string",
        value: "none",
        help: '"none" leaves out the writes to Cosmos DB, to see what the rest can do',
      },
      rate: { type: "string", value: "N", help: "live: events per second (2000 at first, gentler after 20000 events)" },
      ports: { type: "string", value: "default", help: PORTS_HELP },
      fresh: { type: "boolean", help: "forget what .tidemark/ holds and begin anew" },
      data: { type: "string", value: "FILE", help: "a parquet file of flights to use instead of vega-datasets' own" },
    },
    notes: [
      "Live, the data stays under .tidemark/: the next start goes on where this one stopped. Ctrl-C stops everything.",
      "With --once the data lives in a temporary folder, and the exit code is 0 only when the results in Cosmos DB equal a plain recomputation from the hub and every ledger balances.",
    ].join("\n"),
    run: async (values) => (await import("./start.ts")).start(values),
  },
  {
    name: "services",
    summary: "Runs only the services: Event Hubs, Cosmos DB, Blob, Queue and Table storage.",
    options: {
      hub: {
        type: "string",
        multiple: true,
        value: "NAME:PARTITIONS",
        help: "a hub beside those of the functions; may be given several times",
      },
      ports: { type: "string", value: "default", help: PORTS_HELP },
      fresh: { type: "boolean", help: "forget what .tidemark/ holds and begin anew" },
    },
    notes:
      "Connection strings are printed once everything listens. Ctrl-C stops everything; the data stays under .tidemark/.",
    run: async (values) => (await import("./services.ts")).services(values),
  },
  {
    name: "sim",
    summary: "Runs pipelines in a simulated cloud where everything fails, from seeds, and checks every result.",
    options: {
      seeds: { type: "string", value: "N", help: "how many seeds to run (1000)" },
      first: { type: "string", value: "N", help: "the first of them (1)" },
      seed: { type: "string", value: "N", help: "run this seed alone and say what happened" },
      events: { type: "string", value: "N", help: "how many events (100 to 102, by seed)" },
      faults: { type: "string", value: "I,J,…", help: 'which of the seed\'s faults happen; "none" for none (all)' },
      mutants: { type: "boolean", help: "run deliberately broken variants instead, each until a seed catches it" },
      mutant: { type: "string", value: "NAME", help: "with --mutants: this one alone" },
      json: { type: "boolean", help: "print one JSON object on standard output and nothing else" },
    },
    notes:
      "The same seed is the same run. A seed that fails is shrunk, and the command that runs what is left of it is printed. The exit code is 0 only without violations, or when every variant was caught.",
    run: async (values) => (await import("./sim/sim.ts")).sim(values),
  },
  {
    name: "torture",
    summary: "Kills, pauses and starves real processes while flights flow, and verifies every result.",
    options: {
      kills: {
        type: "string",
        value: "N",
        help: "how many SIGKILLs of workers and whole hosts (20); the rest follows",
      },
      seed: { type: "string", value: "N", help: "which faults and which noise; one is chosen and printed without it" },
      rate: { type: "string", value: "N", help: "events per second (400)" },
      noise: { type: "string", value: "P", help: "as of start (0.5)" },
      keep: { type: "boolean", help: "keep log and data, also of a run that went well" },
      deadline: { type: "string", value: "S", help: "seconds after which the run has failed (by the number of kills)" },
      json: { type: "boolean", help: "print one JSON object on standard output and nothing else there" },
    },
    notes: [
      "Two Functions hosts share the partitions, each a process with a worker of its own. From a seed: SIGKILL of workers and hosts; SIGSTOP, sometimes of a host that has committed results it cannot deliver, until the other host has taken its partitions over and gone on; Azurite and Cosmos DB away for a while.",
      "The exit code is 0 only when the results equal a plain recomputation from the hub, every ledger balances, Cosmos DB saw no write of an older frame over a newer one nor of a frame that was never committed, and a paused host woke with results that were stale by then. Otherwise log and data are kept.",
    ].join("\n"),
    run: async (values) => (await import("./torture/torture.ts")).torture(values),
  },
  {
    name: "build",
    summary: "Bundles the function app into dist/, ready for `func azure functionapp publish NAME` and for azd.",
    options: {},
    run: async () => (await import("./build/build.ts")).build(),
  },
  {
    name: "infra",
    summary: "Writes infra/manifest.json from the functions, and checks an environment's parameters.",
    options: {},
    parses: "everything itself",
    run: async (_values, args) => (await import("./infra/index.ts")).runInfra(args),
  },
  {
    name: "dead-letters",
    summary: "Lists, shows and redrives what a pipeline refused and what came too late.",
    options: {},
    parses: "everything itself",
    run: async (_values, args) => (await import("./dead-letters/index.ts")).runDeadLetters(args),
  },
  {
    name: "checkpoints",
    summary: "Lists and shows how far tasks have come, and resets their logs.",
    options: {},
    parses: "everything itself",
    run: async (_values, args) => (await import("./checkpoints/index.ts")).runCheckpoints(args),
  },
  {
    name: "doctor",
    summary: "Checks settings, names, roles and services of a deployment against the manifest.",
    options: {},
    parses: "everything itself",
    run: async (_values, args) => (await import("./doctor/index.ts")).runDoctor(args),
  },
];
