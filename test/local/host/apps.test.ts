import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { build } from "esbuild";
import { startFunctionsHost } from "../../../lib/local/host/index.ts";
import { type ObservedHost, startObserved, type TestApp, writeApp } from "./support.ts";

const HELLO = `
import { app } from "@azure/functions";
app.http("hello", {
  route: "hello/{name:alpha}",
  methods: ["GET", "POST"],
  handler: async (request, context) => {
    context.warn(JSON.stringify({ name: request.params.name, nested: [1, { a: null }] }));
    console.log("to standard output");
    console.error("an error line");
    return {
      status: 201,
      headers: { "x-setting": process.env.FROM_SETTINGS ?? "", "x-file": process.env.FROM_FILE ?? "" },
      cookies: [{ name: "seen", value: "yes", httpOnly: true }],
      jsonBody: { name: request.params.name, query: request.query.get("q"), body: await request.text() },
    };
  },
});
app.get("quiet", async () => undefined);
app.get("fails", async () => { throw new Error("out of order"); });
app.get("dies", async () => { process.exit(7); });
app.get("hangs", () => new Promise(() => {}));
`;

describe("a function app", () => {
  const opened: { app: TestApp | undefined; observed: ObservedHost | undefined } = {
    app: undefined,
    observed: undefined,
  };
  afterEach(async () => {
    await opened.observed?.host.stop();
    await opened.app?.remove();
    opened.observed = undefined;
    opened.app = undefined;
  });

  async function open(files: Record<string, string>, options: object = {}, hostJson?: object): Promise<ObservedHost> {
    opened.app = await writeApp(files, hostJson);
    opened.observed = await startObserved({ appFolder: opened.app.folder, ...options });
    return opened.observed;
  }

  async function refused(files: Record<string, string>, options: object = {}): Promise<Error & { code: string }> {
    opened.app = await writeApp(files);
    const { folder } = opened.app;
    const error = await startFunctionsHost({ appFolder: folder, httpPort: 0, ...options }).then(
      () => assert.fail("the app was to be refused"),
      (thrown: Error & { code: string }) => thrown,
    );
    return error;
  }

  const call = (observed: ObservedHost, path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${observed.host.httpPort}/api/${path}`, init);

  it("answers over HTTP, with settings of both kinds, cookies and logs", async () => {
    const local = { Values: { FROM_FILE: "file", FROM_SETTINGS: "file" } };
    const files = { "main.ts": HELLO, "local.settings.json": JSON.stringify(local) };
    const observed = await open(files, { settings: { FROM_SETTINGS: "given" } });
    const response = await call(observed, "hello/joe?q=1", { method: "POST", body: "text" });
    assert.equal(response.status, 201);
    assert.deepEqual(await response.json(), { name: "joe", query: "1", body: "text" });
    assert.equal(response.headers.get("x-setting"), "given");
    assert.equal(response.headers.get("x-file"), "file");
    assert.equal(response.headers.get("set-cookie"), "seen=yes; HttpOnly");
    assert.equal((await call(observed, "quiet")).status, 204);
    assert.equal((await call(observed, "hello/joe", { method: "PUT" })).status, 404);
    assert.equal((await call(observed, "hello/123")).status, 404);

    await observed.until(() => observed.logs.some(({ message }) => message === "an error line"));
    const warned = observed.logs.find(({ category }) => category === "Function.hello.User");
    assert.equal(warned?.level, "warning");
    assert.deepEqual(JSON.parse(warned?.message ?? ""), { name: "joe", nested: [1, { a: null }] });
    assert.equal(warned?.functionName, "hello");
    const lines = observed.logs.filter(({ category }) => category === "Host.Function.Console");
    const levels = Object.fromEntries(lines.map(({ message, level }) => [message, level]));
    assert.equal(levels["to standard output"], "information");
    assert.equal(levels["an error line"], "error");
  });

  it("answers 500 when a function throws, and counts it", async () => {
    const observed = await open({ "main.ts": HELLO });
    assert.equal((await call(observed, "fails")).status, 500);
    const finished = observed.events.find((event) => event.kind === "invocation-finished");
    assert.equal(finished?.kind === "invocation-finished" && finished.error, "out of order");
    assert.deepEqual(
      observed.host.status().map(({ functionName, invocations, failures }) => [functionName, invocations, failures]),
      [["fails", 1, 1]],
    );
  });

  it("loads as CommonJS, with a pattern for its main", async () => {
    const observed = await open({
      "package.json": '{"main":"dist/{index,functions/*}.js"}',
      "dist/index.js": "globalThis.greeting = 'hi';",
      "dist/functions/one.js":
        'require("@azure/functions").app.get("one", async () => ({ body: globalThis.greeting ?? "?" }));',
      "dist/functions/two.js": 'require("@azure/functions").app.get("two", async () => ({ body: "2" }));',
    });
    assert.deepEqual(
      observed.host.functions().map(({ name }) => name),
      ["one", "two"],
    );
    assert.equal(await (await call(observed, "two")).text(), "2");
  });

  it("loads as an ES module bundle that makes its own require", async () => {
    opened.app = await writeApp({ "source.ts": HELLO, "package.json": '{"type":"module","main":"bundle.mjs"}' });
    const { folder } = opened.app;
    await build({
      entryPoints: [join(folder, "source.ts")],
      outfile: join(folder, "bundle.mjs"),
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["@azure/functions-core"],
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      logLevel: "silent",
    });
    opened.observed = await startObserved({ appFolder: folder });
    assert.equal((await call(opened.observed, "hello/joe")).status, 201);
  });

  it("runs the hooks around an invocation in order", async () => {
    const observed = await open({
      "main.ts": `
        import { app } from "@azure/functions";
        let started = 0;
        app.hook.appStart(() => { started = 1; });
        app.hook.preInvocation((context) => { context.inputs.push("added"); context.hookData.pre = 2; });
        app.hook.postInvocation((context) => { context.result.body += JSON.stringify([context.hookData, started]); });
        app.hook.log((context) => { if (context.category === "user") context.message = context.message.toUpperCase(); });
        app.get("hooked", async (request, added, context) => { context.info("hello"); return { body: added }; });
      `,
    });
    assert.equal(await (await call(observed, "hooked")).text(), 'added[{"pre":2},1]');
    assert.deepEqual(observed.said(), ["HELLO"]);
  });

  it("starts another worker when one dies, and answers again", async () => {
    const observed = await open({ "main.ts": HELLO });
    const first = observed.host.workerPid;
    assert.equal((await call(observed, "dies")).status, 500);
    assert.equal((await call(observed, "quiet")).status, 204);
    assert.notEqual(observed.host.workerPid, first);
    const died = observed.events.find((event) => event.kind === "worker-died");
    assert.equal(died?.kind === "worker-died" && died.reason, "exit code 7");
  });

  it("ends the worker of a function that runs over its time", async () => {
    const observed = await open({ "main.ts": HELLO }, {}, { version: "2.0", functionTimeout: "00:00:00.3" });
    const first = observed.host.workerPid;
    assert.equal((await call(observed, "hangs")).status, 500);
    const finished = observed.events.find((event) => event.kind === "invocation-finished");
    assert.match(
      String(finished?.kind === "invocation-finished" && finished.error),
      /Timeout value of 300 ms exceeded/,
    );
    assert.equal((await call(observed, "quiet")).status, 204);
    assert.notEqual(observed.host.workerPid, first);
  });

  it("gives up on an app that dies as often as it is started", async () => {
    const observed = await open({
      "main.ts": `import { app } from "@azure/functions";
        app.get("quiet", async () => undefined);
        setTimeout(() => process.exit(3), 30);`,
    });
    await observed.until(() => observed.events.some(({ kind }) => kind === "host-failed"));
    assert.equal(observed.events.filter(({ kind }) => kind === "worker-started").length, 6);
    assert.equal((await call(observed, "quiet")).status, 503);
  });

  it("says what an app threw while it loaded", async () => {
    const error = await refused({ "main.ts": "throw new Error('no table today');" });
    assert.equal(error.code, "CONFIGURATION");
    assert.match(error.message, /unable to load entry point "main\.ts": no table today \(at .*main\.ts:1:7\)/);
    const missing = await refused({ "package.json": '{"main":"nothing/*.js"}' });
    assert.match(missing.message, /No file matches "main": "nothing\/\*\.js"/);
  });

  it("lists all missing settings and who wants them", async () => {
    const error = await refused({
      "main.ts": `import { app } from "@azure/functions";
        const hub = { connection: "HubConnection", eventHubName: "%HUB%", handler: () => {} };
        app.eventHub("first", hub);
        app.eventHub("second", hub);
        app.storageQueue("third", { connection: "Other", queueName: "letters", handler: () => {} });`,
    });
    assert.equal(
      error.message,
      'The following settings are missing: "HubConnection" (for first, second), "HUB" (for first, second), ' +
        '"Other" (for third), "AzureWebJobsStorage" (for first, second). Add them to "Values" in local.settings.json.',
    );
  });

  it("names what it can't run", async () => {
    const app = 'import { app, output } from "@azure/functions";';
    const blob = `${app} app.storageBlob("b", { connection: "C", path: "p", handler: () => {} });`;
    assert.match(
      (await refused({ "main.ts": blob })).message,
      /can't run function b: it is started by a "blobTrigger"/,
    );
    const table = `${app} app.get("t", { extraOutputs: [output.table({ tableName: "t", connection: "C" })],
      handler: async () => undefined });`;
    assert.match((await refused({ "main.ts": table })).message, /Function t writes to a binding of type "table"/);
  });

  it("names the port that is in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const error = await refused({ "main.ts": HELLO }, { httpPort: port });
      assert.equal(error.code, "PORT_TAKEN");
      assert.match(error.message, new RegExp(`^Port ${port} for HTTP functions is in use\\.`));
    } finally {
      server.close();
    }
  });
});
