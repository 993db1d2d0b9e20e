import { createServer, type Server } from "node:net";
import { messageOf, TidemarkError } from "../../errors.ts";
import type { HubDeclaration } from "./declaration.ts";
import type { HubFaults } from "./faults.ts";
import { Hubs } from "./hubs.ts";
import { Peer, type ServerContext } from "./peer.ts";
import { ReaderGroups } from "./reader-groups.ts";
import { createContainer } from "./rhea-internals.ts";
import { connectionStringFor } from "./shared-access.ts";

export interface HubServerOptions {
  readonly hubs: readonly HubDeclaration[];
  /** 5672 when absent; 0 takes any that is free. */
  readonly port?: number;
  /** 127.0.0.1 when absent. */
  readonly host?: string;
  /** Where events are kept; absent, they live in memory only. One server at a time may use a folder. */
  readonly dataFolder?: string;
  /** Milliseconds since 1970; gives enqueued times and the age of events. */
  readonly clock?: () => number;
  /** The largest message or batch, in bytes; 1 MiB when absent, as in the Standard tier. */
  readonly maxMessageBytes?: number;
}

/** What a partition holds. */
export interface PartitionInfo {
  readonly beginSequence: number;
  /** -1 when there never was an event. */
  readonly lastSequence: number;
  /** -1 when there never was an event. */
  readonly lastOffset: string;
  /** Milliseconds since 1970; undefined when there never was an event. */
  readonly lastEnqueuedTime: number | undefined;
  readonly isEmpty: boolean;
  /** Of stored events. */
  readonly bytes: number;
}

export interface HubStats {
  readonly connections: number;
  readonly readers: number;
  readonly eventsIn: number;
  readonly bytesIn: number;
  readonly eventsOut: number;
  /** Bytes of memory that stored events take. */
  readonly memoryBytes: number;
}

/** A running Event Hubs namespace. */
export interface HubServer {
  readonly port: number;
  /** For the Azure SDKs; name the hub beside it. */
  readonly connectionString: string;
  /** Adds a hub, or groups and partitions to one; throws CONFIGURATION when it would have to shrink. */
  declare(hub: HubDeclaration): void;
  /** The hubs as they are now. */
  hubs(): HubDeclaration[];
  stats(): HubStats;
  /** Throws NOT_FOUND. */
  partitionInfo(hub: string, partition: number | string): PartitionInfo;
  readonly faults: HubFaults;
  /** Breaks all connections, hands everything to the disk and frees the port. */
  stop(): Promise<void>;
}

const defaultPort = 5672;
const defaultMaxMessageBytes = 1024 * 1024;
const maxFrameBytes = 65_536;
const idleMilliseconds = 120_000;
const expiryInterval = 30_000;

/** Starts an Event Hubs namespace that speaks AMQP 1.0; throws PORT_TAKEN or CONFIGURATION. */
export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const { host = "127.0.0.1", port = defaultPort, clock = Date.now, dataFolder } = options;
  const maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const peers = new Set<Peer>();
  const faults: HubFaults = {
    publish: undefined,
    dropConnections: () => {
      const dropped = peers.size;
      for (const peer of peers) peer.drop();
      return dropped;
    },
  };
  const context: ServerContext = {
    hubs: new Hubs({ dataFolder, clock }),
    readerGroups: new ReaderGroups(),
    faults,
    counters: { eventsIn: 0, bytesIn: 0, eventsOut: 0 },
    clock,
    maxMessageBytes,
  };
  const { hubs, counters, readerGroups } = context;
  const server = listenFor(peers, context);
  await listen(server, host, port);
  try {
    for (const hub of options.hubs) hubs.declare(hub);
  } catch (error) {
    server.close();
    await hubs.close();
    throw error;
  }
  const expiry = setInterval(() => hubs.expire(), expiryInterval).unref();
  const address = server.address();
  const actualPort = typeof address === "object" && address !== null ? address.port : port;
  let stopping: Promise<void> | undefined;
  return {
    port: actualPort,
    connectionString: connectionStringFor(host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host, actualPort),
    declare: (hub) => hubs.declare(hub),
    hubs: () => describeHubs(hubs),
    stats: () => ({
      ...counters,
      connections: peers.size,
      readers: readerGroups.readers,
      memoryBytes: hubs.footprint,
    }),
    partitionInfo: (hub, partition) => partitionInfo(hubs, hub, partition),
    faults,
    stop: () => {
      clearInterval(expiry);
      stopping ??= stop(server, peers, hubs);
      return stopping;
    },
  };
}

function listenFor(peers: Set<Peer>, context: ServerContext): Server {
  const container = createContainer({
    id: "tidemark-hub",
    max_frame_size: maxFrameBytes,
    idle_time_out: idleMilliseconds,
    receiver_options: { credit_window: 0, autoaccept: false, max_message_size: context.maxMessageBytes },
    sender_options: { snd_settle_mode: 1 },
  });
  // The SDK asks for this one; the token that it shows to $cbs afterwards is what counts.
  container.sasl_server_mechanisms.enable_anonymous();
  container.sasl_server_mechanisms.MSSBCBS = container.sasl_server_mechanisms.ANONYMOUS;
  return createServer({ noDelay: true }, (socket) => {
    const peer = new Peer(socket, container, context);
    peers.add(peer);
    socket.on("close", () => peers.delete(peer));
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new TidemarkError("PORT_TAKEN", `Port ${port} is taken.`, {
              fix: "Stop the program that uses it, or choose another port.",
              cause: error,
            })
          : new TidemarkError("UNAVAILABLE", `The hub can't listen on ${host}:${port}: ${messageOf(error)}.`, {
              cause: error,
            }),
      );
    });
    server.listen(port, host, resolve);
  });
}

/** For peers that take no goodbye, in milliseconds. */
const patience = 200;

async function stop(server: Server, peers: Set<Peer>, hubs: Hubs): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const peer of peers) peer.leave();
  const impatience = setTimeout(() => {
    for (const peer of peers) peer.drop();
  }, patience);
  await closed;
  clearTimeout(impatience);
  await hubs.close();
}

function describeHubs(hubs: Hubs): HubDeclaration[] {
  return hubs.all().map(({ name, partitions, consumerGroups }) => ({
    name,
    partitions: partitions.length,
    consumerGroups: [...consumerGroups.values()],
  }));
}

function partitionInfo(hubs: Hubs, name: string, partition: number | string): PartitionInfo {
  const log = hubs.find(name)?.partitions[Number(partition)];
  if (log === undefined) throw new TidemarkError("NOT_FOUND", `There is no partition ${partition} of hub "${name}".`);
  log.expire();
  return {
    beginSequence: log.beginSequence,
    lastSequence: log.nextSequence - 1,
    lastOffset: String(log.lastOffset),
    lastEnqueuedTime: log.lastTime,
    isEmpty: log.beginSequence === log.nextSequence,
    bytes: log.bytes,
  };
}
