import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { parseBicep } from "./bicep/parser.ts";
import { evaluateCase, MANIFEST, VARIATIONS } from "./cases.ts";
import { INFRA } from "./environments.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const text = readFileSync(resolve(ROOT, "docs/deploy.md"), "utf8");

/** The rows of a table, by the words of its first heading. */
function table(heading: string): string[][] {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  assert.ok(start >= 0, `there is no table "${heading}"`);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  const rows = lines.slice(start + 2, end);
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("**", "")),
  );
}

test("the files that the guide names are there", () => {
  const named = [...text.matchAll(/`((?:infra|\.github)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter((path) => !existsSync(resolve(ROOT, path))),
    [],
  );
});

test("what replaces the cluster's features is there", () => {
  const parameters = parseBicep("main.bicep", readFileSync(resolve(INFRA, "main.bicep"), "utf8")).declarations;
  const names = parameters.filter(({ kind }) => kind === "param").map(({ name }) => name);
  const rows = table("HDInsight with Kafka and Spark");
  assert.ok(rows.length >= 14);
  for (const [feature, , where = ""] of rows) {
    assert.match(where, /`/, `${feature} has no place`);
    for (const [, list = ""] of where.matchAll(/parameters? ((?:`\w+`(?:, )?)+)/g)) {
      for (const [, name = ""] of list.matchAll(/`(\w+)`/g))
        assert.ok(names.includes(name), `there is no parameter ${name}`);
    }
    for (const [, word = "", file = ""] of where.matchAll(/`(\w+)` (?:in|of) `(infra\/[\w.]+)`/g)) {
      assert.ok(readFileSync(resolve(ROOT, file), "utf8").includes(word), `${file} does not hold ${word}`);
    }
  }
});

test("the availabilities multiply to what the guide says", () => {
  const rows = table("service");
  for (const column of [1, 2]) {
    const values = rows
      .slice(0, -1)
      .map((row) => row[column])
      .filter((cell) => cell !== "");
    const product = values.reduce((all, value) => all * (Number(value) / 100), 1) * 100;
    const said = String(rows.at(-1)?.[column]);
    assert.equal(product.toFixed(said.split(".")[1]?.length), said);
  }
  assert.match(text, new RegExp(`\\(99\\.9 × 99\\.9 × 99\\.99\\) it is ${(99.9 * 0.999 * 0.9999).toFixed(2)} %`));
});

test("the costs add up to what the guide says", () => {
  const rows = table("part");
  for (const column of [2, 3]) {
    const sum = rows.slice(0, -1).reduce((all, row) => all + Number(row[column]), 0);
    assert.equal(sum, Number(rows.at(-1)?.[column]));
  }
});

test("the costs count what is deployed", () => {
  const [, prod] = VARIATIONS;
  assert.ok(prod);
  const { resources } = evaluateCase(prod).evaluated;
  for (const [part, type] of [
    ["private endpoints", "Microsoft.Network/privateEndpoints"],
    ["DNS zones", "Microsoft.Network/privateDnsZones"],
  ]) {
    const [, price = ""] = table("part").find(([name]) => name === part) ?? [];
    const count = resources.filter((one) => one.type === type).length;
    assert.ok(price.endsWith(`: ${count}`), `${part}: there are ${count}, the guide says ${price}`);
  }
});

test("every role that the manifest asks for is in the table of roles", () => {
  const scopes = new Set(MANIFEST.roles.map(({ scope, role }) => `${scope} ${role}`));
  const rows = table("what");
  const wanted: Record<string, RegExp> = {
    "hub receive": /^Azure Event Hubs Data Receiver/,
    "hub send": /^Azure Event Hubs Data Sender/,
    "blobContainer read": /^Storage Blob Data Reader/,
    "blobContainer write": /^Storage Blob Data Contributor/,
    "queue write": /^Storage Queue Data Contributor/,
    "cosmosContainer write": /^Cosmos DB Built-in Data Contributor/,
  };
  for (const scope of scopes) {
    const role = wanted[scope];
    assert.ok(role && rows.some(([, name = ""]) => role.test(name)), `the guide does not say who gets "${scope}"`);
  }
});

test("the environments have as many resources as the guide says", () => {
  const [, dev, prod] = table("environment").find(([name]) => name === "resources") ?? [];
  const counts = VARIATIONS.slice(0, 2).map((variation) => String(evaluateCase(variation).evaluated.resources.length));
  assert.deepEqual([dev, prod], counts);
});
