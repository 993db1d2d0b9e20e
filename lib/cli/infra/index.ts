import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadApp } from "../../azure/registry.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import { type EnvironmentName, PARAMETER_FILES, readParameters } from "./parameters.ts";
import { preflight } from "./preflight.ts";
import { readManifest, writeManifest } from "./write.ts";

const HELP = `tidemark infra                 writes infra/manifest.json from the functions
tidemark infra --check ENV     says what of an environment's parameters cannot work; ENV is dev or prod

  --functions FOLDER           where the functions are (functions)
  --infra FOLDER               where the templates and parameters are (infra)
  --parameters FILE            with --check: another parameter file`;

const OPTIONS = {
  check: { type: "string" },
  functions: { type: "string", default: "functions" },
  infra: { type: "string", default: "infra" },
  parameters: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** Runs `tidemark infra`; resolves with the exit code, throws a TidemarkError for what the user can mend. */
export async function runInfra(args: readonly string[]): Promise<number> {
  const { values } = parse(args);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const manifestFile = join(values.infra, "manifest.json");
  if (values.check === undefined) return write(values.functions, manifestFile);
  const file = values.parameters ?? join(values.infra, PARAMETER_FILES[environmentOf(values.check)]);
  return check(manifestFile, file);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS });
  } catch (error) {
    throw new TidemarkError("CONFIGURATION", `${messageOf(error)}.`, {
      fix: "tidemark infra --help lists the options.",
    });
  }
}

function environmentOf(text: string): EnvironmentName {
  if (text === "dev" || text === "prod") return text;
  throw new TidemarkError("CONFIGURATION", `There is no environment "${text}".`, {
    fix: "Write --check dev or --check prod.",
  });
}

async function write(functions: string, file: string): Promise<number> {
  const { manifest, changed, added, dropped } = await writeManifest(await loadApp(functions), file);
  const { hubs, containers, queues, roles, settings } = manifest;
  console.log(
    `${file}: ${changed ? "written" : "up to date"}; ${manifest.functions.length} functions, ${hubs.length} hubs, ` +
      `${containers.length} Cosmos DB containers, ${queues.length} queues, ${roles.length} roles, ${settings.length} settings.`,
  );
  for (const part of added) console.log(`  + ${part}`);
  for (const part of dropped) console.log(`  - ${part}`);
  if (dropped.length > 0) {
    console.log(
      "A plain deployment leaves what was dropped where it is; a deployment stack deletes it (docs/deploy.md).",
    );
  }
  return 0;
}

async function check(manifestFile: string, parameterFile: string): Promise<number> {
  const manifest = await readManifest(manifestFile);
  const findings = preflight(manifest, await readParameters(parameterFile, process.env));
  for (const finding of findings) console.error(finding);
  const problems = findings.length === 1 ? "1 problem" : `${findings.length} problems`;
  const verdict = findings.length === 0 ? "nothing stands against deploying" : problems;
  console.log(`${parameterFile}: ${verdict}.`);
  return findings.length === 0 ? 0 : 1;
}
