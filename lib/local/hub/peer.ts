import type { Socket } from "node:net";
import type { Receiver, Sender } from "rhea";
import { answerTokenRequest } from "./cbs.ts";
import { type Condition, idempotentUnsupported, shuttingDown, unauthorized } from "./conditions.ts";
import { resolvePublishTarget, resolveReadSource } from "./entities.ts";
import type { HubFaults } from "./faults.ts";
import type { Hubs } from "./hubs.ts";
import { answerManagementRequest } from "./management.ts";
import { Publisher } from "./publisher.ts";
import { Reader } from "./reader.ts";
import type { ReaderGroups } from "./reader-groups.ts";
import { ReplyLink, type Request } from "./replies.ts";
import {
  type Container,
  clearTimers,
  type IncomingContext,
  type InternalConnection,
  type InternalReceiver,
  type InternalSender,
  type InternalSession,
  keepRaw,
  onSessionFlow,
  types,
} from "./rhea-internals.ts";
import { startSequence } from "./start-position.ts";

/** What all connections of a server share. */
export interface ServerContext {
  readonly hubs: Hubs;
  readonly readerGroups: ReaderGroups;
  readonly faults: HubFaults;
  readonly counters: { eventsIn: number; bytesIn: number; eventsOut: number };
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly maxMessageBytes: number;
}

const epochProperty = "com.microsoft:epoch";
const receiverNameProperty = "com.microsoft:receiver-name";
const runtimeMetric = "com.microsoft:enable-receiver-runtime-metric";
const idempotentProducer = "com.microsoft:idempotent-producer";
const selector = "apache.org:selector-filter:string";

const requestNode = /(^|\/)\$(cbs|management)$/i;
const requestCredit = 100;

interface LinkContext<Link> {
  readonly receiver?: Link;
  readonly sender?: Link;
  readonly session?: InternalSession;
}

/** One client's connection, its links and its turn to send. */
export class Peer {
  readonly context: ServerContext;
  readonly #socket: Socket;
  readonly #connection: InternalConnection;
  readonly #readers = new Set<Reader>();
  readonly #publishing = new WeakSet<object>();
  readonly #replies = new Map<string, ReplyLink>();
  readonly #ready = new Set<Reader>();
  #pumping: NodeJS.Immediate | undefined;
  #authorized = false;
  closed = false;

  constructor(socket: Socket, container: Container, context: ServerContext) {
    this.context = context;
    this.#socket = socket;
    this.#connection = container.create_connection({ port: 0, host: "" }) as InternalConnection;
    this.#gatherWrites();
    this.#listen();
    this.#connection.accept(socket);
    socket.on("drain", () => this.#scheduleAll());
    // rhea hears a socket's end and errors, but not that it was closed.
    socket.on("close", () => this.#onClosed());
  }

  /** rhea writes every frame by itself; this makes one write of all that a turn has to say. */
  #gatherWrites(): void {
    const process = this.#connection._process;
    this.#connection._process = () => {
      this.#socket.cork();
      process.call(this.#connection);
      this.#socket.uncork();
    };
  }

  #listen(): void {
    const on = <Context>(event: string, listener: (context: Context) => void) => this.#connection.on(event, listener);
    on("session_open", ({ session }: { session: InternalSession }) => {
      keepRaw(session, (link) => this.#publishing.has(link));
      onSessionFlow(session, () => this.#resume(session));
    });
    on("receiver_open", ({ receiver }: { receiver: InternalReceiver }) => this.#openReceiver(receiver));
    on("sender_open", ({ sender }: { sender: InternalSender }) => this.#openSender(sender));
    for (const event of ["sender_close", "sender_error"]) {
      on(event, ({ sender }: LinkContext<InternalSender>) => this.#closeReaders((reader) => reader.isOf(sender)));
    }
    for (const event of ["session_close", "session_error"]) {
      on(event, ({ session }: LinkContext<never>) => this.#closeReaders((reader) => reader.isOn(session)));
    }
    for (const event of ["connection_close", "connection_error", "disconnected"]) {
      on(event, () => this.#closeReaders(() => true));
    }
    // What a peer says wrongly ends its connection and nothing else.
    for (const event of ["protocol_error", "error"]) on(event, () => this.drop());
    for (const event of ["receiver_close", "receiver_error"]) on(event, () => undefined);
  }

  #openReceiver(link: InternalReceiver): void {
    const address = addressOf(link.target);
    if (requestNode.test(address)) {
      this.#serveRequests(link, address);
      return;
    }
    const refusal = this.#authorized ? this.#openPublisher(link, address) : unauthorized(address);
    if (refusal === undefined) acceptReceiver(link, address);
    else link.close(refusal);
  }

  #openPublisher(link: InternalReceiver, address: string): Condition | undefined {
    const resolved = resolvePublishTarget(this.context.hubs, address);
    if ("refusal" in resolved) return resolved.refusal;
    if (wants(link.desired_capabilities, idempotentProducer)) return idempotentUnsupported;
    this.#publishing.add(link);
    new Publisher(link, resolved.entity, this);
    return undefined;
  }

  #serveRequests(link: InternalReceiver, address: string): void {
    acceptReceiver(link, address);
    link.add_credit(requestCredit);
    const isTokenNode = address.toLowerCase().endsWith("$cbs");
    link.on("message", ({ message, delivery }: IncomingContext) => {
      delivery.accept();
      link.add_credit(1);
      if (isTokenNode) this.#answerToken(message as Request);
      else this.#answerManagement(message as Request);
    });
  }

  #answerToken(request: Request): void {
    const answer = answerTokenRequest(request, Date.now());
    if (answer.status < 300) this.#authorized = true;
    this.#replyLink(request)?.answer(request, answer);
  }

  #answerManagement(request: Request): void {
    const name = String(request.application_properties?.name);
    const answer = this.#authorized
      ? answerManagementRequest(request, this.context.hubs)
      : { status: 401, ...unauthorized(name) };
    this.#replyLink(request)?.answer(request, answer);
  }

  #replyLink(request: Request): ReplyLink | undefined {
    return this.#replies.get(request.reply_to ?? "");
  }

  #openSender(link: InternalSender): void {
    const address = addressOf(link.source);
    if (requestNode.test(address)) {
      acceptSender(link, address);
      const replies = new ReplyLink(link);
      for (const name of [link.name, addressOf(link.target)]) this.#replies.set(name, replies);
      return;
    }
    const refusal = this.#authorized ? this.#openReader(link, address) : unauthorized(address);
    if (refusal === undefined) acceptSender(link, address);
    else link.close(refusal);
  }

  #openReader(link: InternalSender, address: string): Condition | undefined {
    const resolved = resolveReadSource(this.context.hubs, address);
    if ("refusal" in resolved) return resolved.refusal;
    resolved.entity.log.expire();
    const firstSequence = startSequence(resolved.entity.log, selectorOf(link));
    if (typeof firstSequence !== "number") return firstSequence;
    const runtimeMetrics = wants(link.desired_capabilities, runtimeMetric);
    const level: unknown = link.properties?.[epochProperty];
    const epoch = typeof level === "number" ? level : undefined;
    const name = String(link.properties?.[receiverNameProperty] ?? "nil");
    const reader = new Reader(link, resolved.entity, { name, epoch, firstSequence, runtimeMetrics }, this);
    const refusal = this.context.readerGroups.admit(reader.place, reader);
    if (refusal !== undefined) {
      reader.close();
      return refusal;
    }
    this.#readers.add(reader);
    if (epoch !== undefined) link.local.attach.properties = { [epochProperty]: types.wrap_long(epoch) };
    if (runtimeMetrics) link.local.attach.offered_capabilities = [runtimeMetric];
    return undefined;
  }

  /** The reader lost its place; its link is closing. */
  forget(reader: Reader): void {
    this.#readers.delete(reader);
    this.#ready.delete(reader);
  }

  #closeReaders(which: (reader: Reader) => boolean): void {
    for (const reader of this.#readers) {
      if (!which(reader)) continue;
      reader.close();
      this.context.readerGroups.leave(reader.place, reader);
      this.forget(reader);
    }
  }

  /** Gives the reader a turn to send, together with all others that want one. */
  schedule(reader: Reader): void {
    this.#ready.add(reader);
    this.#pumping ??= setImmediate(() => this.#pump());
  }

  /** The session takes more transfers again. */
  #resume(session: InternalSession): void {
    for (const reader of this.#readers) if (reader.isOn(session)) this.schedule(reader);
    for (const replies of this.#replies.values()) replies.flush();
  }

  #scheduleAll(): void {
    for (const reader of this.#readers) this.schedule(reader);
  }

  #pump(): void {
    this.#pumping = undefined;
    const ready = [...this.#ready];
    this.#ready.clear();
    try {
      for (const reader of ready) if (reader.pump()) this.schedule(reader);
    } catch {
      // A log that can't be read breaks this connection; the client comes back or reports it.
      this.drop();
    }
  }

  write(frames: Buffer): void {
    if (!this.closed) this.#socket.write(frames);
  }

  /** The client takes less than it gets; go on when it has caught up. */
  get congested(): boolean {
    return this.closed || this.#socket.writableNeedDrain;
  }

  /** The socket still refers to memory that was written. */
  get holdsOutput(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** Says goodbye as the service does when it moves a connection, and hangs up. */
  leave(): void {
    this.#closeReaders(() => true);
    this.#connection.close(shuttingDown);
    // After the close frame, which rhea writes at the end of this turn.
    setImmediate(() => this.#socket.end(() => this.#socket.destroy()));
  }

  /** Breaks the connection. */
  drop(): void {
    this.#socket.destroy();
  }

  #onClosed(): void {
    this.closed = true;
    clearImmediate(this.#pumping);
    clearTimers(this.#connection);
    this.#closeReaders(() => true);
  }
}

function acceptReceiver(link: InternalReceiver, address: string): void {
  link.set_source({ address: addressOf(link.source) });
  link.set_target({ address });
}

/** Some clients insist that the filter comes back to them. */
function acceptSender(link: InternalSender, address: string): void {
  link.set_source({ address, ...(link.source?.filter ? { filter: link.source.filter } : {}) });
  link.set_target({ address: addressOf(link.target) });
}

function addressOf(terminus: { readonly address?: unknown } | null | undefined): string {
  return typeof terminus?.address === "string" ? terminus.address : "";
}

function wants(capabilities: string | string[] | undefined, capability: string): boolean {
  return (Array.isArray(capabilities) ? capabilities : [capabilities]).some((each) => String(each) === capability);
}

/** The filter is a described string; rhea leaves the description around it. */
function selectorOf(link: Receiver | Sender): string | undefined {
  const filter: unknown = link.source?.filter?.[selector];
  if (filter === undefined || filter === null) return undefined;
  return String((filter as { value?: unknown }).value ?? filter);
}
