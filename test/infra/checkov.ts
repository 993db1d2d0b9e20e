// Scans the evaluated environments with checkov; `.ci/run` calls it. Ends with 1 when anything is found that
// infra/checkov.json does not excuse, when an excuse is not needed, or when checkov did not see every resource.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { writeArm } from "./arm.ts";
import { evaluateCase, VARIATIONS } from "./cases.ts";
import { INFRA } from "./environments.ts";

const VERSION = "3.3.30";
const SCANNED = ["dev", "prod", "prod, rich"];
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tidemark", `checkov-${VERSION}`);

interface Finding {
  readonly check_id: string;
  readonly check_name: string;
  readonly resource: string;
  readonly file_path: string;
}

interface Report {
  readonly summary: { readonly passed: number; readonly parsing_errors: number; readonly resource_count: number };
  readonly results: { readonly failed_checks: readonly Finding[] };
}

interface Excuse {
  readonly check: string;
  readonly resource: string;
  readonly reason: string;
}

function call(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const done = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer: 2 ** 27 });
  if (done.error) throw new Error(`${command} cannot be run: ${done.error.message}.`);
  if (done.status !== 0)
    throw new Error(`${command} ${args[0]} ended with ${done.status}: ${done.stderr.slice(-2000)}`);
  return done.stdout;
}

/** Installs checkov beside the tree, once for each version. */
function installed(): string {
  const program = join(CACHE, "bin", "checkov");
  const complete = join(CACHE, "complete");
  if (existsSync(complete)) return program;
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  console.log(`Installing checkov ${VERSION} into ${CACHE} (about a minute, once).`);
  call("python3", ["-m", "venv", CACHE]);
  call(join(CACHE, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", `checkov==${VERSION}`]);
  writeFileSync(complete, "");
  return program;
}

/** Writes the environments into a folder and returns how many resources there are. */
function writeTemplates(folder: string): number {
  const counts = VARIATIONS.filter(({ name }) => SCANNED.includes(name)).map((variation) => {
    const { resources } = evaluateCase(variation).evaluated;
    const place = join(folder, variation.name.replaceAll(/\W+/g, "-"));
    mkdirSync(place);
    writeFileSync(join(place, "template.json"), JSON.stringify(writeArm(resources), null, 2));
    return resources.length;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

function scan(program: string, folder: string): Report {
  // --soft-fail: findings are judged here; then any other exit code means that checkov itself failed.
  const args = [
    "--framework",
    "arm",
    "-d",
    folder,
    "--output",
    "json",
    "--quiet",
    "--compact",
    "--skip-download",
    "--soft-fail",
  ];
  return JSON.parse(call(program, args, { CKV_PARSE_ERROR_FAIL: "true" })) as Report;
}

function judge(report: Report, resources: number): string[] {
  const excuses = JSON.parse(readFileSync(resolve(INFRA, "checkov.json"), "utf8")) as Excuse[];
  const excusing = (finding: Finding) =>
    excuses.find(({ check, resource }) => check === finding.check_id && new RegExp(resource).test(finding.resource));
  const found = report.results.failed_checks;
  const used = new Set(found.map(excusing));
  const { resource_count, parsing_errors } = report.summary;
  return [
    ...found
      .filter((one) => !excusing(one))
      .map((one) => `${one.check_id} ${one.resource} (${one.file_path}): ${one.check_name}`),
    ...excuses
      .filter((one) => !used.has(one))
      .map(({ check, resource }) => `the excuse of ${check} for ${resource} is not needed`),
    ...excuses.filter(({ reason }) => reason.length < 20).map(({ check }) => `the excuse of ${check} gives no reason`),
    ...(parsing_errors === 0 ? [] : [`${parsing_errors} templates could not be parsed`]),
    ...(resource_count === resources ? [] : [`checkov saw ${resource_count} of ${resources} resources`]),
  ];
}

function main(): number {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-checkov-"));
  try {
    const resources = writeTemplates(folder);
    const report = scan(installed(), folder);
    const problems = judge(report, resources);
    for (const problem of problems) console.error(problem);
    const excused = report.results.failed_checks.length;
    console.log(
      `checkov: ${resources} resources, ${report.summary.passed} checks passed, ${excused} findings, ${problems.length} problems.`,
    );
    return problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main();
