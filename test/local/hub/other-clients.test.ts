import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import rhea, { type Connection, type EventContext, type Receiver, type Sender } from "rhea";
import type { HubServer } from "../../../lib/local/hub/index.ts";
import { numbered, startTestHub, until } from "./support.ts";

// What the JavaScript SDK never does, but other clients of the service do.

/** A plain AMQP client that shows a good token unless told not to. */
async function client(
  t: TestContext,
  server: HubServer,
  options: { frame?: number; window?: number; token?: boolean } = {},
) {
  const connection = rhea.create_container().connect({
    host: "127.0.0.1",
    port: server.port,
    username: "anonymous",
    reconnect: false,
    ...(options.frame === undefined ? {} : { max_frame_size: options.frame }),
    ...(options.window === undefined ? {} : { session_buffer_size: { incoming: options.window } }),
  });
  connection.on("disconnected", () => undefined);
  t.after(() => connection.close());
  await once(connection, "connection_open");
  if (options.token !== false) await showToken(connection);
  return connection;
}

async function showToken(connection: Connection): Promise<void> {
  const replies = connection.open_receiver({ source: "$cbs", target: "answers" });
  const requests = connection.open_sender("$cbs");
  await once(requests, "sendable");
  const [resource, expiry] = ["sb%3A%2F%2Flocalhost", Math.floor(Date.now() / 1000) + 60];
  const signature = createHmac("sha256", "SAS_KEY_VALUE").update(`${resource}\n${expiry}`).digest("base64");
  const token =
    `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}` +
    "&skn=RootManageSharedAccessKey";
  requests.send({
    message_id: "1",
    reply_to: "answers",
    application_properties: { operation: "put-token", type: "servicebus.windows.net:sastoken", name: "any" },
    body: token,
  });
  const [{ message }] = (await once(replies, "message")) as [EventContext];
  assert.equal(message?.application_properties?.["status-code"], 202);
}

function reader(connection: Connection, partition = 0, credit = 1000): Receiver {
  const address = `events/ConsumerGroups/$Default/Partitions/${partition}`;
  const fromTheBeginning = rhea.types.wrap_described("amqp.annotation.x-opt-offset > '-1'", 0x468c00000004);
  const filter = { "apache.org:selector-filter:string": fromTheBeginning };
  return connection.open_receiver({ source: { address, filter }, credit_window: credit });
}

function bodies(link: Receiver): string[] {
  const read: string[] = [];
  link.on("message", ({ message }: EventContext) => {
    const { content }: { readonly content: Buffer } = message?.body ?? assert.fail("no message");
    read.push(content.toString());
  });
  return read;
}

test("a client with small frames and a narrow window gets large events in pieces, several readers on one session", async (t) => {
  const { server, producer } = await startTestHub(t, { hubs: [{ name: "events", partitions: 2 }] });
  const large = ["a", "b", "c"].map((letter) => letter.repeat(200_000));
  for (const partitionId of ["0", "1"]) {
    for (const body of large) await producer().sendBatch([{ body: Buffer.from(body) }], { partitionId });
  }
  const connection = await client(t, server, { frame: 4096, window: 8 });
  // rhea renews its window only when something else makes it speak.
  const nudge = setInterval(() => (connection as unknown as { _register(): void })._register(), 1);
  t.after(() => clearInterval(nudge));
  const reads = [0, 1].map((partition) => bodies(reader(connection, partition)));
  await until(() => reads.every((read) => read.length === 3));
  for (const read of reads) assert.deepEqual(read, large);
});

test("a plain message is stored as it was encoded", async (t) => {
  const { server } = await startTestHub(t);
  const connection = await client(t, server);
  const sender = connection.open_sender("events");
  await once(sender, "sendable");
  sender.send({ body: { whole: rhea.types.wrap_ubyte(7) }, message_annotations: { "x-opt-partition-key": "k" } });
  await once(sender, "accepted");
  const link = reader(connection);
  const [{ message }] = (await once(link, "message")) as [EventContext];
  assert.deepEqual(message?.body, { whole: 7 });
  assert.equal(message?.message_annotations?.["x-opt-partition-key"], "k");
  assert.equal(message?.message_annotations?.["x-opt-sequence-number"], 0);
});

test("credit is kept to, and given back when the client drains it", async (t) => {
  const { server, producer } = await startTestHub(t);
  await producer().sendBatch(numbered(10));
  const connection = await client(t, server);
  const link = reader(connection, 0, 0);
  const read = bodies(link);
  await once(link, "receiver_open");
  link.add_credit(4);
  await until(() => read.length === 4);
  link.add_credit(20);
  link.drain_credit();
  await once(link, "receiver_drained");
  assert.equal(read.length, 10);
});

test("without an accepted token nothing opens", async (t) => {
  const { server } = await startTestHub(t);
  const connection = await client(t, server, { token: false });
  const links: (Sender | Receiver)[] = [connection.open_sender("events"), reader(connection)];
  await Promise.all(links.map((link) => once(link, link.is_sender() ? "sender_error" : "receiver_error")));
  for (const { error } of links) {
    assert.equal((error as { condition?: string } | undefined)?.condition, "amqp:unauthorized-access");
  }
});

test("readers leave their places when their socket vanishes", async (t) => {
  const { server, producer } = await startTestHub(t);
  await producer().sendBatch(numbered(1));
  const connection = await client(t, server);
  const reads = Array.from({ length: 5 }, () => bodies(reader(connection)));
  await until(() => reads.every((read) => read.length === 1));
  assert.equal(server.stats().readers, 5);
  (connection as unknown as { socket: Socket }).socket.destroy();
  await until(() => server.stats().readers === 0);
  const [again] = [bodies(reader(await client(t, server)))];
  await until(() => again.length === 1);
  assert.equal(server.faults.dropConnections(), 2);
  await until(() => server.stats().readers === 0);
});

test("garbage ends its own connection and nothing else", async (t) => {
  const { server, producer } = await startTestHub(t);
  const connection = await client(t, server);
  const sender = connection.open_sender("events");
  await once(sender, "sendable");
  sender.send(Buffer.from("no sections at all"), undefined, 0x80013700);
  const [{ delivery }] = (await once(sender, "rejected")) as [EventContext];
  const outcome = delivery?.remote_state as { readonly error?: { readonly condition: string } } | undefined;
  assert.equal(outcome?.error?.condition, "amqp:decode-error");
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "AMQP\0\x01\0\0\0\0\0\x05\x02\0\0\0zz", "AMQP\x03\x01\0\0"]) {
    const socket = connect(server.port, "127.0.0.1");
    socket.end(Buffer.from(bytes, "latin1"));
    socket.resume();
    await once(socket, "close");
  }
  await producer().sendBatch(numbered(1));
  assert.equal(server.partitionInfo("events", 0).lastSequence, 0);
});
