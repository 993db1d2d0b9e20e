import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { EventHubProducerClient } from "@azure/event-hubs";
import { BlobServiceClient } from "@azure/storage-blob";
import { describeApp } from "../../lib/azure/registry.ts";
import { Runtime, runtime } from "../../lib/azure/runtime.ts";
import { TIMING } from "../../lib/azure/timing.ts";
import { realWorld } from "../../lib/azure/world.ts";
import { bundleApp } from "../../lib/cli/build/bundle.ts";
import { examine } from "../../lib/cli/doctor/index.ts";
import { deriveManifest } from "../../lib/cli/infra/derive.ts";
import type { Manifest } from "../../lib/cli/infra/manifest.ts";
import { readParameters } from "../../lib/cli/infra/parameters.ts";
import { preflight } from "../../lib/cli/infra/preflight.ts";
import { declarationsOf } from "../../lib/cli/services/declarations.ts";
import { type Services, startServices } from "../../lib/cli/services/start-services.ts";
import { MARKER_PROPERTY } from "../../lib/engine/headers.ts";
import { contentsOf, countedFiles, countedRows } from "../sinks/files-reading.ts";

const APP = join(import.meta.dirname, "files-app");
const HOUR = 3_600_000;
const START = Date.UTC(2001, 0, 1, 22);

/** The n-th order of a partition: one a minute. */
const order = (partition: number, n: number) => ({
  id: `${partition}-${n}`,
  at: new Date(START + n * 60_000).toISOString(),
  shop: `shop-${partition}-${n % 2}`,
  amount: n,
});

describe("an app that writes files", () => {
  let folder = "";
  let services: Services;
  let environment: Record<string, string>;
  let manifest: Manifest;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidemark-files-"));
    services = await startServices({ folder, ports: "free", declared: declarationsOf(APP) });
    manifest = deriveManifest(describeApp());
    const { TidemarkStorage } = services.settings;
    environment = { ...services.settings, ReportStorage: TidemarkStorage };
  });
  after(async () => {
    await services.stop();
    await rm(folder, { recursive: true });
  });

  const container = (name: string) =>
    BlobServiceClient.fromConnectionString(services.settings.TidemarkStorage).getContainerClient(name);

  it("gets containers, rights and settings from its functions", async () => {
    assert.deepEqual(
      manifest.blobContainers.map(({ name, connection, purpose, access }) => [name, connection, purpose, access]),
      [
        ["archive", "TidemarkStorage", "results", "write"],
        ["reports", "ReportStorage", "results", "write"],
        ["tidemark", "TidemarkStorage", "checkpoints", "write"],
      ],
    );
    const rights = manifest.roles.filter(({ scope }) => scope === "blobContainer");
    assert.deepEqual(
      rights.map(({ resource, role, because }) => [resource, role, because]),
      [
        ["archive", "write", "holds results"],
        ["reports", "write", "holds results"],
        ["tidemark", "write", "holds checkpoints"],
      ],
    );
    const setting = manifest.settings.find(({ name }) => name === "ReportStorage__blobServiceUri");
    assert.equal(setting?.source, "dataBlobEndpoint");
    const infra = join(import.meta.dirname, "../../infra/main.parameters.json");
    assert.deepEqual(preflight(manifest, await readParameters(infra, {})), []);
  });

  it("finds its containers on the local services, and the doctor finds nothing wrong", async () => {
    assert.deepEqual([await container("archive").exists(), await container("reports").exists()], [true, true]);
    const reports = await examine({ manifest, environment, now: Date.now });
    const findings = reports.flatMap((report) => report.findings);
    assert.deepEqual(
      findings.filter(({ state }) => state === "problem"),
      [],
    );
    assert.ok(findings.some(({ what }) => what === "Blob container archive is there."));
  });

  it("loads what writes Parquet with the first file, and not at a cold start", async () => {
    const bundled = await bundleApp(APP, join(folder, "dist"));
    const texts = new Map<string, string>();
    for (const file of bundled) texts.set(basename(file), await readFile(file, "utf8"));
    const holders = [...texts].filter(([, text]) => text.includes("function parquetWriteBuffer("));
    assert.equal(holders.length, 1);
    const atStart = new Set(["main.js"]);
    for (const name of atStart) {
      const imports = texts.get(name)?.matchAll(/\bfrom\s*"\.\/(chunk-[^"]+)"|\bimport\s*"\.\/(chunk-[^"]+)"/g) ?? [];
      for (const [, from, bare] of imports) atStart.add((from ?? bare) as string);
    }
    assert.ok(atStart.size > 1);
    assert.equal(atStart.has(holders[0]?.[0] ?? ""), false);
  });

  it("writes every order once, and every shop's hours as Parquet", async () => {
    const producer = new EventHubProducerClient(services.settings.EventHubConnection, "orders");
    for (const partition of [0, 1]) {
      const bodies = Array.from({ length: 180 }, (_, n) => ({ body: order(partition, n) }));
      const end = { body: "", properties: { [MARKER_PROPERTY]: "end" } };
      await producer.sendBatch([...bodies, end], { partitionId: String(partition) });
    }
    await producer.close();
    const one = new Runtime(environment, realWorld, { ...TIMING, patience: 20 });
    for (const fn of runtime.functions) one.add(fn);
    const log = { warn: console.warn, info: () => undefined, debug: () => undefined } as never;
    await one.sweep(log);
    await one.drain(5_000);

    const archived = await contentsOf(container("archive"));
    // Three hours, of each partition one file each.
    assert.equal(countedFiles(archived).length, 6);
    const ids = (await countedRows(archived)).map(({ id }) => id);
    const expected = [0, 1].flatMap((partition) => Array.from({ length: 180 }, (_, n) => order(partition, n).id));
    assert.deepEqual(ids.toSorted(), expected.toSorted());

    const rows = await countedRows(await contentsOf(container("reports")));
    const sums = new Map<string, number>();
    for (const partition of [0, 1]) {
      for (let n = 0; n < 180; n++) {
        const { shop, amount } = order(partition, n);
        const key = `${shop} ${START + Math.floor(n / 60) * HOUR}`;
        sums.set(key, (sums.get(key) ?? 0) + amount);
      }
    }
    const found = rows.map(({ key, windowStart, revenue }) => [`${key} ${(windowStart as Date).getTime()}`, revenue]);
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(sums));
    assert.equal(found.length, sums.size);
  });
});
