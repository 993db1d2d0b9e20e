import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openCheckpoints } from "../../lib/azure/checkpoints.ts";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { realWorld } from "../../lib/azure/world.ts";
import { Arm } from "../../lib/cli/doctor/arm.ts";
import type { Context, Finding } from "../../lib/cli/doctor/check.ts";
import { isPrivateAddress } from "../../lib/cli/doctor/checks/network.ts";
import { quotaCheck } from "../../lib/cli/doctor/checks/quota.ts";
import { rightsCheck, surplusCheck } from "../../lib/cli/doctor/checks/rights.ts";
import { settingsCheck } from "../../lib/cli/doctor/checks/settings.ts";
import { clockCheck } from "../../lib/cli/doctor/checks/stores.ts";
import { functionsCheck, queuesCheck } from "../../lib/cli/doctor/checks/wakers.ts";
import { type Deployed, readDeployed } from "../../lib/cli/doctor/deployed.ts";
import { endpointsOf } from "../../lib/cli/doctor/endpoints.ts";
import { explain } from "../../lib/cli/doctor/explain.ts";
import { examine, runDoctor } from "../../lib/cli/doctor/index.ts";
import { settingsOf } from "../../lib/cli/doctor/settings-of.ts";
import type { Manifest } from "../../lib/cli/infra/manifest.ts";
import { type Services, startServices } from "../../lib/cli/services/start-services.ts";
import type { ConcreteResource } from "./bicep/program.ts";
import { evaluateCase, MANIFEST, RICH, VARIATIONS } from "./cases.ts";
import { SURROUNDINGS } from "./environments.ts";
import { type Published, serveArm } from "./fake-arm.ts";

const problems = (findings: readonly Finding[]) =>
  findings.filter(({ state }) => state !== "good").map(({ what }) => what);

describe("the doctor, on local services,", () => {
  let folder = "";
  let services: Services;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidemark-doctor-"));
    const hubs = MANIFEST.hubs.map(({ name, partitions, consumerGroups }) => ({ name, partitions, consumerGroups }));
    const containers = MANIFEST.containers.map(({ database, name, partitionKeyPaths }) => {
      return { database, container: name, partitionKey: partitionKeyPaths };
    });
    services = await startServices({ folder, ports: "free", declared: Promise.resolve({ hubs, containers }) });
    const connections = new AzureConnections(settingsOf(MANIFEST, services.settings));
    await (await connections.blobs("TidemarkStorage")).createContainer("tables");
    await connections.close();
  });
  after(async () => {
    await services.stop();
    await rm(folder, { recursive: true });
  });

  const look = async (manifest: Manifest, changed: Partial<Context> = {}) => {
    const reports = await examine({ manifest, environment: services.settings, now: Date.now, ...changed });
    return { reports, problems: problems(reports.flatMap(({ findings }) => findings)) };
  };

  test("finds nothing to complain of, and looks at everything", async () => {
    const seen = await look(MANIFEST);
    assert.deepEqual(seen.problems, []);
    assert.deepEqual(
      seen.reports.map(({ check }) => check),
      ["settings", "names", "reach", "hubs", "Cosmos DB", "storage", "queues", "functions", "clock"],
    );
    const whats = seen.reports.flatMap(({ findings }) => findings.map(({ what }) => what));
    assert.ok(whats.includes("Hub flights has 4 partitions."));
    assert.ok(whats.some((what) => what.startsWith("Consumer group flights/delays-repair is there")));
    assert.ok(whats.includes("Container analytics/routes is keyed by /route."));
    assert.ok(whats.includes("Queue tidemark-wake-ups comes with the first message."));
    assert.ok(whats.includes('Timer sweep comes at "0 */5 * * * *", in UTC.'));
    const [, port] = /QueueEndpoint=http:\/\/[^:;]+:(\d+)/.exec(services.settings.TidemarkStorage ?? "") ?? [];
    assert.ok(whats.some((what) => what.startsWith("Queue Storage answers on") && what.endsWith(`:${port}.`)));
  });

  test("finds the logs of a pipeline that was renamed, and says when they hold what was not delivered", async () => {
    const connections = new AzureConnections(settingsOf(MANIFEST, services.settings));
    const logs = await openCheckpoints(connections, "TidemarkStorage", realWorld);
    const shape = { pipeline: "old-name", stages: [] };
    const task = { pipeline: "old-name", partition: "3" };
    const log = await logs.open(task, shape, async () => ({ position: 0, hubCreated: 0 }));
    const ledger = { source: { start: 0, processed: 1, lost: 0, holes: 0, control: 0 }, stages: [] };
    const frame = { position: 1, watermark: 0, changes: [], ledger };
    const { sequence } = await log.append({ ...frame, outbox: [{ sink: "out", messages: [1] }], confirmed: 0 });
    const [waits] = (await look(MANIFEST)).problems;
    assert.match(String(waits), /"old-name", which no function of this app runs; a frame may not have been delivered/);
    await log.append({ ...frame, outbox: [], confirmed: sequence });
    const { reports, problems } = await look(MANIFEST);
    assert.deepEqual(problems, []);
    const whats = reports.flatMap(({ findings }) => findings.map(({ what }) => what));
    assert.ok(whats.some((what) => /"old-name", .*; all that they hold was delivered/.test(what)));
    await log.close();
    await connections.close();
  });

  test("names each log that cannot be read, one of its own too, beside what is wrong with others", async () => {
    const connections = new AzureConnections(settingsOf(MANIFEST, services.settings));
    const logs = await openCheckpoints(connections, "TidemarkStorage", realWorld);
    const container = (await connections.blobs("TidemarkStorage")).getContainerClient("tidemark");
    const tasks = ["old-name", "delays", "stranger"].map((pipeline) => ({ pipeline, partition: "2" }));
    const written: string[] = [];
    for (const task of tasks) {
      const log = await logs.open(task, { pipeline: task.pipeline, stages: [] }, async () => ({
        position: 0,
        hubCreated: 0,
      }));
      const ledger = { source: { start: 0, processed: 1, lost: 0, holes: 0, control: 0 }, stages: [] };
      const outbox = [{ sink: "out", messages: [1] }];
      await log.append({ position: 1, watermark: 0, changes: [], ledger, outbox, confirmed: 0 });
      await log.close();
      for await (const { name } of container.listBlobsFlat({ prefix: `checkpoints/${task.pipeline}/2/` }))
        written.push(name);
    }
    const segmentOf = (pipeline: string) => written.find((name) => name.includes(`/${pipeline}/2/log/`)) as string;
    for (const pipeline of ["delays", "old-name"]) {
      await container.getAppendBlobClient(segmentOf(pipeline)).appendBlock("nonsense", 8);
    }
    const { problems } = await look(MANIFEST);
    assert.equal(problems.length, 3, problems.join("\n"));
    for (const task of ["delays/2", "old-name/2"]) {
      assert.ok(
        problems.some((what) => what.startsWith(`The checkpoint log of ${task} cannot be read: `)),
        task,
      );
    }
    assert.ok(problems.some((what) => /"stranger", which no function of this app runs; a frame may/.test(what)));
    for (const name of written) await container.deleteBlob(name);
    await connections.close();
  });

  test("counts wake-ups, and complains of those that were given up", async () => {
    const [queue, poison] = MANIFEST.queues;
    assert.ok(queue && poison);
    const manifest: Manifest = {
      ...MANIFEST,
      queues: [
        { ...queue, name: "counted" },
        { ...poison, name: "counted-poison" },
      ],
    };
    const connections = new AzureConnections(settingsOf(manifest, services.settings));
    const storage = await connections.queues("TidemarkStorage");
    const clients = manifest.queues.map(({ name }) => storage.getQueueClient(name));
    for (const client of clients) await client.create();
    const context = { manifest, environment: services.settings, connections, now: Date.now };
    const before = await queuesCheck.run(context);
    assert.deepEqual(before.map(({ what }) => what).sort(), [
      "Queue counted is there; wake-ups under way: 0.",
      "Queue counted-poison is empty.",
    ]);
    // One that waits for its time counts too.
    await clients[0]?.sendMessage("{}", { visibilityTimeout: 60 });
    await clients[1]?.sendMessage("{}");
    const after = await queuesCheck.run(context);
    assert.equal(after[0]?.what, "Queue counted is there; wake-ups under way: 1.");
    assert.deepEqual(problems(after), ["Queue counted-poison is not empty; wake-ups that were given up: 1."]);
    // In Azure, queues come with the deployment and nothing makes them later.
    for (const client of clients) await client.delete();
    const missing = await queuesCheck.run({ ...context, deployed: {} as Deployed });
    assert.deepEqual(
      problems(missing).map((what) => what.replace(/ on .*/, "")),
      ["Queue counted does not exist", "Queue counted-poison does not exist"],
    );
    await connections.close();
  });

  test("says that a timer lacks the host's storage", async () => {
    const { AzureWebJobsStorage: _, ...rest } = services.settings;
    const found = problems(await functionsCheck.run({ manifest: MANIFEST, environment: rest, now: Date.now }));
    assert.deepEqual(found, ["Timer sweep cannot start: AzureWebJobsStorage is not set."]);
    const identity = { AzureWebJobsStorage__accountName: "host" };
    assert.deepEqual(
      problems(await functionsCheck.run({ manifest: MANIFEST, environment: identity, now: Date.now })),
      [],
    );
  });

  test("names what is missing or otherwise than declared", async () => {
    const [flights, legs] = MANIFEST.hubs;
    const [container] = MANIFEST.containers;
    const [blobs] = MANIFEST.blobContainers;
    assert.ok(flights && legs && container && blobs);
    const wrong: Manifest = {
      ...MANIFEST,
      hubs: [
        { ...flights, partitions: 8, consumerGroups: ["delays", "nobody"] },
        { ...legs, name: "gone" },
      ],
      containers: [
        { ...container, partitionKeyPaths: ["/other"] },
        { ...container, name: "nowhere" },
      ],
      blobContainers: [{ ...blobs, name: "absent", purpose: "tables" }],
    };
    const seen = await look(wrong);
    const expected = [
      /^Hub flights has 4 partitions and the functions declare 8\.$/,
      /^Consumer group flights\/nobody does not exist on (localhost|127\.0\.0\.1)\.$/,
      /^Hub gone does not exist on/,
      /^Container analytics\/delays is keyed by \/origin and the pipeline writes by \/other\.$/,
      /^Container analytics\/nowhere does not exist on/,
      /^Blob container absent does not exist\.$/,
    ];
    for (const pattern of expected)
      assert.ok(
        seen.problems.some((what) => pattern.test(what)),
        `${pattern}\n${seen.problems.join("\n")}`,
      );
    assert.equal(seen.problems.length, expected.length);
  });

  test("says which host does not answer, in one sentence", async () => {
    const cosmos = `AccountEndpoint=http://127.0.0.1:1/;AccountKey=${Buffer.from("k").toString("base64")};`;
    const storage =
      "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:1/a;";
    const seen = await look(
      { ...MANIFEST, hubs: [] as never },
      { environment: { ...services.settings, CosmosConnection: cosmos, TidemarkStorage: storage } },
    );
    assert.ok(
      seen.problems.includes("Queue tidemark-wake-ups: 127.0.0.1 refuses connections."),
      seen.problems.join("\n"),
    );
    assert.ok(
      seen.problems.some((what) => /^Cosmos DB: 127\.0\.0\.1:1 refuses connections\.$/.test(what)),
      seen.problems.join("\n"),
    );
    for (const what of seen.problems) assert.doesNotMatch(what, /\n| at /);
  });

  test("lists every setting that is missing", async () => {
    const seen = await look(MANIFEST, { environment: {} });
    assert.deepEqual(
      seen.reports.map(({ check }) => check),
      ["settings", "functions"],
    );
    for (const name of ["EventHubConnection", "CosmosConnection", "TidemarkStorage", "AzureWebJobsStorage"])
      assert.match(seen.problems.join(), new RegExp(name));
  });

  test("notices a clock that is off", async () => {
    const settings = settingsOf(MANIFEST, services.settings);
    const connections = new AzureConnections(settings);
    const context = { manifest: MANIFEST, environment: services.settings, settings, connections };
    assert.deepEqual(problems(await clockCheck.run({ ...context, now: Date.now })), []);
    const off = await clockCheck.run({ ...context, now: () => Date.now() + 600_000 });
    assert.match(problems(off).join(), /^The clock is (59\d|600) s off/);
    await connections.close();
  });
});

const GROUP = `/subscriptions/${SURROUNDINGS.subscriptionId}/resourceGroups/${SURROUNDINGS.resourceGroup}`;

/** What the doctor reads when an environment is deployed as evaluated, `edit` aside. */
async function deployed(
  name: string,
  manifest: Manifest,
  edit: (resources: readonly ConcreteResource[]) => readonly ConcreteResource[] = (all) => all,
  token = "good",
  functions: readonly Published[] = publish(manifest),
): Promise<Deployed> {
  const variation = VARIATIONS.find((one) => one.name === name);
  assert.ok(variation);
  const { resources, outputs } = evaluateCase({ ...variation, manifest }).evaluated;
  const server = await serveArm(edit(resources), functions);
  try {
    return await readDeployed(new Arm(server.url, async () => token), GROUP, String(outputs.AZURE_FUNCTION_APP_NAME));
  } finally {
    await server.close();
  }
}

/** The functions of a manifest as Azure shows them when they were published. */
function publish({ functions }: Manifest): Published[] {
  return functions.map((one): Published => {
    const type = `${one.trigger}Trigger`;
    const binding =
      one.trigger === "queue"
        ? { type, queueName: one.queue }
        : one.trigger === "timer"
          ? { type, schedule: one.schedule, runOnStartup: true }
          : { type, [one.trigger === "kafka" ? "topic" : "eventHubName"]: one.hub, consumerGroup: one.consumerGroup };
    return { name: one.name, properties: { isDisabled: false, config: { bindings: [binding] } } };
  });
}

describe("the doctor, on a deployed app,", () => {
  const context = (manifest: Manifest, app: Deployed): Context => {
    return { manifest, environment: app.settings, deployed: app, now: Date.now };
  };

  for (const [name, manifest] of [
    ["dev", MANIFEST],
    ["prod", MANIFEST],
    ["prod, rich", RICH],
  ] as const) {
    test(`finds that "${name}" has every setting, right, hub and group, and none too many`, async () => {
      const app = await deployed(name, manifest);
      for (const check of [settingsCheck, rightsCheck, functionsCheck, surplusCheck, quotaCheck]) {
        const found = problems(await check.run(context(manifest, app)));
        assert.deepEqual(found, [], check.name);
      }
      assert.equal(app.isPrivate, name !== "dev");
    });
  }

  test("names a right that is missing and one that nobody needs", async () => {
    const app = await deployed("dev", MANIFEST, (all) => all.filter(({ symbol }) => symbol !== "hubAssignments[0]"));
    assert.deepEqual(problems(await rightsCheck.run(context(MANIFEST, app))), [
      "The app lacks Azure Event Hubs Data Receiver on flights (read by delays, legs).",
    ]);
    const fewer = { ...MANIFEST, roles: MANIFEST.roles.filter(({ role }) => role !== "send") };
    const surplus = problems(await rightsCheck.run(context(fewer, await deployed("dev", MANIFEST))));
    assert.match(
      surplus.join(),
      /^The app has Azure Event Hubs Data Sender on .*eventhubs\/legs, which no function needs\.$/,
    );
  });

  test("names a right on a queue that is missing", async () => {
    const app = await deployed("prod", MANIFEST, (all) => all.filter(({ symbol }) => symbol !== "queueAssignments[1]"));
    assert.deepEqual(problems(await rightsCheck.run(context(MANIFEST, app))), [
      "The app lacks Storage Queue Data Contributor on tidemark-wake-ups-poison (takes what was given up).",
    ]);
  });

  test("names functions that are missing, disabled or published otherwise", async () => {
    const shown = (change: (one: Published) => Published[]) =>
      deployed("dev", MANIFEST, (all) => all, "good", publish(MANIFEST).flatMap(change));
    const found = async (app: Deployed) => problems(await functionsCheck.run(context(MANIFEST, app)));
    assert.deepEqual(await found(await shown(() => [])), ["The app holds no functions yet."]);
    assert.deepEqual(await found(await shown((one) => (one.name === "sweep" ? [] : [one]))), [
      "Function sweep is not in the app.",
    ]);
    const disabled = await shown((one) => [{ ...one, properties: { ...one.properties, isDisabled: true } }]);
    assert.equal((await found(disabled)).length, MANIFEST.functions.length);
    const hourly = { type: "timerTrigger", schedule: "0 0 * * * *" };
    const slower = await shown((one) =>
      one.name === "sweep" ? [{ ...one, properties: { config: { bindings: [hourly] } } }] : [one],
    );
    assert.deepEqual(await found(slower), [
      'Function sweep is published with schedule "0 0 * * * *", and the manifest says "0 */5 * * * *".',
    ]);
  });

  test("says when full scale is more than a region allows", async () => {
    const app = await deployed("prod", MANIFEST);
    const larger = { ...app, memoryMB: 4096, maximumInstances: 200 };
    // Three pipelines on four partitions, two hundred readers of wake-ups and one sweep.
    assert.deepEqual(problems(await quotaCheck.run(context(MANIFEST, larger))), [
      `Scaled out fully, the functions take ${4096 * (12 + 200 + 1)} MB; a region allows 512000 MB unless your quota was raised.`,
    ]);
  });

  test("names hubs and groups that no function needs", async () => {
    const [flights] = MANIFEST.hubs;
    assert.ok(flights);
    const fewer = { ...MANIFEST, hubs: [{ ...flights, consumerGroups: ["delays", "delays-repair"] }] };
    assert.deepEqual(problems(await surplusCheck.run(context(fewer, await deployed("dev", MANIFEST)))).sort(), [
      "Consumer group flights/legs is not in the manifest.",
      "Consumer group flights/legs-repair is not in the manifest.",
      "Hub legs is not in the manifest.",
    ]);
  });

  test("names settings that are missing or forbidden", async () => {
    const app = await deployed("dev", MANIFEST);
    const { TidemarkStorage__blobServiceUri: _, ...rest } = app.settings;
    const settings = { ...rest, TZ: "UTC" };
    const found = problems(await settingsCheck.run(context(MANIFEST, { ...app, settings })));
    assert.deepEqual(found, [
      "TidemarkStorage__blobServiceUri is not set in the function app.",
      "TZ is set, and Flex Consumption does not take it.",
    ]);
  });

  test("says which right it lacks itself", async () => {
    await assert.rejects(
      deployed("dev", MANIFEST, (all) => all, "bad"),
      { message: /^You may not read .* \(403\)\. It takes the role Reader/ },
    );
    await assert.rejects(
      deployed("dev", MANIFEST, () => []),
      { code: "NOT_FOUND" },
    );
  });
});

test("a resource manager that does not answer is named, and what to check", async () => {
  const gone = await serveArm([]);
  await gone.close();
  const arm = new Arm(gone.url, async () => "good");
  await assert.rejects(arm.get("/subscriptions/1", "2025-03-01"), {
    code: "UNAVAILABLE",
    retryable: true,
    message: /^http:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED.*Check/,
  });
});

describe("failures become sentences:", () => {
  const failure = (fields: object) => Object.assign(new Error("x"), fields);
  const CASES: readonly (readonly [thrown: unknown, expected: RegExp])[] = [
    [failure({ code: "ENOTFOUND" }), /^It: the name h is not known here\.$/],
    [failure({ cause: failure({ code: "ECONNREFUSED" }) }), /^It: h refuses connections\.$/],
    [new AggregateError([failure({ code: "ECONNREFUSED" })], ""), /^It: h refuses connections\.$/],
    [new AggregateError([], ""), /^It: it failed and does not say why$/],
    [failure({ code: "UnauthorizedError" }), /^It: you may not look at it\.$/],
    [failure({ statusCode: 403 }), /^It: you may not look at it\.$/],
    [failure({ code: "QueueNotFound", statusCode: 404 }), /^It does not exist on h\.$/],
    [failure({ code: 404 }), /^It does not exist on h\.$/],
    [failure({ code: "MessagingEntityNotFoundError" }), /^It does not exist on h\.$/],
    [failure({ code: "ETIMEDOUT" }), /^It: h does not answer\.$/],
    [failure({ name: "CredentialUnavailableError" }), /^It: nobody is signed in here\.$/],
    [new Error("odd\n    at somewhere"), /^It: odd$/],
  ];
  for (const [thrown, expected] of CASES) {
    test(String(expected), () => {
      const finding = explain(thrown, "It", "h", "the role R");
      assert.match(finding.what, expected);
      assert.match(finding.fix ?? "", /\.$/);
    });
  }
});

test("private addresses are told from public ones", () => {
  const yes = ["10.1.2.3", "172.16.0.1", "172.31.9.9", "192.168.1.1", "127.0.0.1", "::1", "fd12::1"];
  const no = ["20.50.1.1", "172.32.0.1", "192.169.0.1", "2603:1020::1"];
  assert.deepEqual(
    yes.map(isPrivateAddress),
    yes.map(() => true),
  );
  assert.deepEqual(
    no.map(isPrivateAddress),
    no.map(() => false),
  );
});

test("each storage service has an address of its own, in every form of a setting", () => {
  const endpoints = (environment: Record<string, string>) =>
    endpointsOf(settingsOf({ ...MANIFEST, hubs: [], containers: [] }, environment)).map(
      ({ service, host, port }) => `${service} ${host}:${port}`,
    );
  assert.deepEqual(endpoints({ TidemarkStorage: "UseDevelopmentStorage=true" }), [
    "Blob Storage 127.0.0.1:10000",
    "Queue Storage 127.0.0.1:10001",
  ]);
  const azure = ["Blob Storage a.blob.core.windows.net:443", "Queue Storage a.queue.core.windows.net:443"];
  assert.deepEqual(endpoints({ TidemarkStorage: "AccountName=a;AccountKey=a2V5" }), azure);
  assert.deepEqual(
    endpoints({
      TidemarkStorage__blobServiceUri: "https://a.blob.core.windows.net",
      TidemarkStorage__queueServiceUri: "https://a.queue.core.windows.net",
    }),
    azure,
  );
});

test("the command says in one sentence what it does not understand", async () => {
  await assert.rejects(runDoctor(["--ap", "x"]), { code: "CONFIGURATION" });
  await assert.rejects(runDoctor(["--infra", "/nowhere"]), { code: "NOT_FOUND", message: /npm run infra/ });
});
