#!/usr/bin/env node
/**
 * Starts the command line on any Node: says in one sentence when it is too old, and switches type stripping on where
 * Node does not do it by itself. Plain JavaScript of an old dialect, since old Nodes must be able to read it.
 */
import { spawn } from "node:child_process";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The first with Zstandard for the checkpoint log, with `node:sqlite` as the local Cosmos DB needs it, and a compile cache. */
const OLDEST = [22, 15];

function isTooOld() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

/** What this Node and all its children must be told. */
function neededOptions() {
  const options = ["--disable-warning=ExperimentalWarning"];
  if (!process.features.typescript) options.push("--experimental-strip-types");
  return options;
}

function runInChild(options) {
  const child = spawn(process.execPath, options.concat(fileURLToPath(import.meta.url), process.argv.slice(2)), {
    stdio: "inherit",
  });
  // The terminal sends Ctrl-C to both; the child decides when it is done.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? code : 1;
  });
}

/** Compiled code, ours and that of the SDKs, is kept between runs: it halves the time to the first line of output. */
function keepCompiledCode() {
  const folder = join(tmpdir(), "tidemark-compile-cache");
  nodeModule.enableCompileCache(folder);
  process.env.NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE || folder;
}

if (isTooOld()) {
  console.error(
    `tidemark: Node ${OLDEST.join(".")} or newer is needed and this is ${process.versions.node}; ` +
      "`npm ci` installs a fitting one that `npm start` and `npm run` use.",
  );
  process.exitCode = 1;
} else {
  const options = neededOptions();
  const inherited = process.env.NODE_OPTIONS || "";
  if (options.length > 1 && process.env.TIDEMARK_RELAUNCHED === undefined) {
    process.env.TIDEMARK_RELAUNCHED = "1";
    process.env.NODE_OPTIONS = [inherited].concat(options).join(" ").trim();
    runInChild(options);
  } else {
    if (inherited.indexOf(options[0]) < 0) process.env.NODE_OPTIONS = [inherited, options[0]].join(" ").trim();
    const emitWarning = process.emitWarning;
    process.emitWarning = (warning, ...rest) => {
      const kind = typeof rest[0] === "object" && rest[0] !== null ? rest[0].type : rest[0];
      if (kind !== "ExperimentalWarning") emitWarning.call(process, warning, ...rest);
    };
    keepCompiledCode();
    import("./main.ts").then(({ main }) => main(process.argv.slice(2)));
  }
}
