import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as openSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { CosmosClient } from "@azure/cosmos";
import { startCosmosServer } from "../../../lib/local/cosmos/index.ts";
import { connect, failure, startFixture } from "./fixture.ts";

describe("the Cosmos DB server", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "cosmos-server-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("asks nothing of the account before each request", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("c");
    await container.items.create({ id: "first", pk: "p" });
    const before = fixture.server.stats().requests;
    for (let n = 0; n < 5; n++) await container.items.create({ id: `${n}`, pk: "p" });
    assert.equal(fixture.server.stats().requests - before, 5);
  });

  it("goes on where it stopped", async () => {
    const dataFile = join(folder, "kept", "cosmos.sqlite");
    {
      await using fixture = await startFixture({ dataFile });
      await fixture.container("c").items.create({ id: "1", pk: "p" });
    }
    await using fixture = await startFixture({ dataFile });
    const container = fixture.client.database("db").container("c");
    assert.equal((await container.item("1", "p").read()).resource.id, "1");
    const { resource } = await container.items.create({ id: "2", pk: "p" });
    assert.notEqual(resource?._rid, (await container.item("1", "p").read()).resource._rid);
  });

  it("keeps every acknowledged write through SIGKILL", async () => {
    const dataFile = join(folder, "killed.sqlite");
    const { child, connectionString } = await startChild(dataFile);
    const client = new CosmosClient({
      connectionString,
      connectionPolicy: {
        retryOptions: { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 },
      },
    });
    const container = client.database("db").container("c");
    const acknowledged: string[] = [];
    const writer = async (name: number) => {
      for (let n = 0; child.exitCode === null && child.signalCode === null; n++) {
        const id = `${name}-${n}`;
        if ((await failure(container.items.create({ id, pk: id }))) !== "none") return;
        if (acknowledged.push(id) === 200) child.kill("SIGKILL");
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, name) => writer(name)));
    client.dispose();
    assert.ok(acknowledged.length >= 200);
    await using fixture = await startFixture({ dataFile });
    const query = "SELECT VALUE c.id FROM c";
    const found = new Set((await fixture.container("c").items.query(query).fetchAll()).resources);
    assert.deepEqual(
      acknowledged.filter((id) => !found.has(id)),
      [],
    );
  });

  it("injects faults before or after the request is carried out", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("c");
    fixture.server.inject({ status: 503, times: 1, match: ({ method }) => method === "DELETE" });
    fixture.server.inject({ status: 500, afterwards: true });
    assert.equal(await failure(container.items.create({ id: "1", pk: "p" })), "500");
    assert.equal(await failure(container.items.create({ id: "1", pk: "p" })), "409");
    fixture.server.inject({ status: 429, retryAfterMs: 1, times: 3 });
    const before = fixture.server.stats().requests;
    assert.equal(await failure(container.items.create({ id: "2", pk: "p" })), "none");
    assert.equal(fixture.server.stats().requests - before, 4);
    fixture.server.inject({ status: 0 });
    assert.equal((await container.item("2", "p").read()).statusCode, 200);
  });

  it("answers broken requests with JSON", async () => {
    await using fixture = await startFixture();
    fixture.container("c");
    const docs = `${fixture.server.endpoint}dbs/db/colls/c/docs`;
    for (const [path, init, status] of [
      [docs, { method: "POST", body: "{" }, 400],
      [docs, { method: "POST", body: "[1]" }, 400],
      [docs, { method: "PUT", body: "{}" }, 405],
      [`${docs}/1`, { method: "DELETE" }, 400],
      [`${docs}/%E0%A4`, {}, 400],
      [`${fixture.server.endpoint}nothing`, {}, 501],
      [docs, { method: "POST", body: "x".repeat(5_000_000) }, 413],
    ] as const) {
      const response = await fetch(path, init);
      assert.equal(response.status, status, path);
      assert.equal(typeof ((await response.json()) as { message: unknown }).message, "string");
    }
  });

  it("understands chunked bodies, pipelined requests and bodies that come in pieces", async () => {
    await using fixture = await startFixture();
    fixture.container("c");
    const chunked = new ReadableStream({
      start: (controller) => {
        for (const piece of ['{"id":"1",', '"pk":"ü"}']) controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    });
    const docs = `${fixture.server.endpoint}dbs/db/colls/c/docs`;
    assert.equal((await fetch(docs, { method: "POST", body: chunked, duplex: "half" })).status, 201);
    const socket = openSocket(fixture.server.port, "localhost");
    let answers = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      answers += text;
    });
    const body = '{"id":"2","pk":"p"}';
    socket.write(
      `POST /dbs/db/colls/c/docs HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(
      `${body.slice(5)}GET /dbs/db HTTP/1.1\r\nHost: x\r\n\r\nGET /dbs/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    await once(socket, "close");
    assert.deepEqual(answers.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 201", "HTTP/1.1 200", "HTTP/1.1 404"]);
  });

  it("says what is wrong with a port or a data file", async () => {
    await using fixture = await startFixture();
    await assert.rejects(startCosmosServer({ port: fixture.server.port }), { code: "PORT_TAKEN" });
    const dataFile = join(folder, "not-a-database");
    await writeFile(dataFile, "something else entirely, long enough to look like a header");
    await assert.rejects(startCosmosServer({ port: 0, dataFile }), { code: "CONFIGURATION" });
  });

  it("stops at once with connections open", async () => {
    const server = await startCosmosServer({ port: 0 });
    server.ensureContainer("db", "c", ["/pk"]);
    const client = connect(server);
    await client.database("db").container("c").items.create({ id: "1", pk: "p" });
    await server.stop();
    client.dispose();
    const again = await startCosmosServer({ port: server.port });
    await again.stop();
  });
});

/** A server in a process of its own, with the container "c" in "db". */
async function startChild(dataFile: string): Promise<{ child: ChildProcess; connectionString: string }> {
  const program = `
    import { startCosmosServer } from ${JSON.stringify(new URL("../../../lib/local/cosmos/index.ts", import.meta.url).href)};
    const server = await startCosmosServer({ port: 0, dataFile: ${JSON.stringify(dataFile)} });
    server.ensureContainer("db", "c", ["/pk"]);
    process.send(server.connectionString);`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program],
    {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    },
  );
  const [connectionString] = (await once(child, "message")) as [string];
  return { child, connectionString };
}
