import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AzureConnections } from "../../azure/connections.ts";
import type { Environment, Settings } from "../../azure/settings.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import { readManifest } from "../infra/write.ts";
import { Arm } from "./arm.ts";
import { type Context, type Finding, problem } from "./check.ts";
import { CHECKS } from "./checks/index.ts";
import { type Deployed, readDeployed } from "./deployed.ts";
import { settingsOf } from "./settings-of.ts";

const HELP = `tidemark doctor                checks the local services against infra/manifest.json
tidemark doctor --app NAME --resource-group GROUP [--subscription ID]
                               checks a deployed function app, as whoever is signed in

  --infra FOLDER               where the manifest is (infra)
  --settings FILE              local settings (local.settings.json); the environment goes before them
  --json                       prints one JSON object

It changes nothing. The exit code is 0 when there is no problem.`;

const OPTIONS = {
  app: { type: "string" },
  "resource-group": { type: "string" },
  subscription: { type: "string" },
  infra: { type: "string", default: "infra" },
  settings: { type: "string", default: "local.settings.json" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

export interface Report {
  readonly check: string;
  readonly findings: readonly Finding[];
}

/** Runs `tidemark doctor`; resolves with the exit code, throws a TidemarkError when it cannot even begin. */
export async function runDoctor(args: readonly string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const manifest = await readManifest(join(values.infra ?? "infra", "manifest.json"));
  const deployed = values.app === undefined ? undefined : await readAzure(values.app, values);
  const environment = deployed
    ? asOperator(deployed.settings)
    : { ...(await readLocal(values.settings)), ...process.env };
  const reports = await examine({ manifest, environment, deployed, now: Date.now });
  print(reports, values.json ?? false);
  return reports.some(({ findings }) => findings.some(({ state }) => state === "problem")) ? 1 : 0;
}

/** Runs every check, one after the other; a check that throws is a problem of its own, never a stack trace. */
export async function examine(context: Context): Promise<Report[]> {
  const settings = tryTo(() => settingsOf(context.manifest, context.environment));
  const connections = settings && new AzureConnections(settings);
  const whole: Context = { ...context, settings, connections };
  const reports: Report[] = [];
  try {
    for (const { name, run } of CHECKS) {
      const findings = await run(whole).catch((thrown: unknown) => [
        problem(`${name}: ${messageOf(thrown).split("\n")[0]}`, "Mend what it names and run the doctor again."),
      ]);
      if (findings.length > 0) reports.push({ check: name, findings });
    }
  } finally {
    await connections?.close();
  }
  return reports;
}

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new TidemarkError("CONFIGURATION", `${messageOf(error)}.`, {
      fix: "tidemark doctor --help lists the options.",
    });
  }
}

function tryTo(read: () => Settings): Settings | undefined {
  try {
    return read();
  } catch {
    // The check of settings says what is wrong with them.
    return undefined;
  }
}

async function readLocal(file = "local.settings.json"): Promise<Environment> {
  const text = await readFile(file, "utf8").catch(() => '{"Values":{}}');
  try {
    return (JSON.parse(text) as { Values?: Record<string, string> }).Values ?? {};
  } catch (cause) {
    throw new TidemarkError("CONFIGURATION", `${file} is not JSON.`, { cause });
  }
}

/** From outside, data is read as whoever is signed in: the app's identity exists in Azure only. */
function asOperator(settings: Environment): Environment {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !/__(credential|clientId)$/.test(name)));
}

async function readAzure(app: string, values: Values): Promise<Deployed> {
  const subscription = values.subscription ?? process.env.AZURE_SUBSCRIPTION_ID;
  const group = values["resource-group"] ?? process.env.AZURE_RESOURCE_GROUP;
  if (!subscription || !group) {
    throw new TidemarkError("CONFIGURATION", "--app needs to know where the app is.", {
      fix: "Give --resource-group and --subscription, or set AZURE_RESOURCE_GROUP and AZURE_SUBSCRIPTION_ID.",
    });
  }
  const { DefaultAzureCredential } = await import("@azure/identity");
  const credential = new DefaultAzureCredential();
  const token = async () => {
    const got = await credential.getToken("https://management.azure.com/.default").catch((cause: unknown) => {
      throw new TidemarkError("UNAVAILABLE", "Nobody is signed in to Azure here.", {
        fix: "Sign in with `az login`.",
        cause,
      });
    });
    return got.token;
  };
  const arm = new Arm("https://management.azure.com", token);
  return readDeployed(arm, `/subscriptions/${subscription}/resourceGroups/${group}`, app);
}

const SIGNS = { good: "ok", problem: "PROBLEM", unknown: "?" } as const;

function print(reports: readonly Report[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ reports }));
    return;
  }
  for (const { check, findings } of reports) {
    for (const { state, what, fix } of findings)
      console.log(`${SIGNS[state].padEnd(8)}${check}: ${what}${fix ? ` ${fix}` : ""}`);
  }
  const count = reports.flatMap(({ findings }) => findings).filter(({ state }) => state === "problem").length;
  console.log(count === 0 ? "No problems." : count === 1 ? "1 problem." : `${count} problems.`);
}
