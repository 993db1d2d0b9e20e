import { createHmac, randomUUID } from "node:crypto";
import type { EventEmitter } from "node:events";
import { parseEventHubConnectionString } from "@azure/event-hubs";
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Receiver, type Sender } from "rhea";
import { SenderLink } from "./sender-link.ts";
import { type PayloadListener, SettledTransfers } from "./settled-transfers.ts";
import { HubTrouble, troubleOf } from "./trouble.ts";

export interface ReceiverOptions {
  /** "hub/ConsumerGroups/group/Partitions/id" */
  readonly address: string;
  /** A selector such as "amqp.annotation.x-opt-offset > '-1'". */
  readonly filter: string;
  /** Shown to others that compete for the partition. */
  readonly name: string;
  readonly onMessage: PayloadListener;
}

/** A link that receives one partition; nothing comes before credit is given. */
export interface HubReceiver {
  addCredit(count: number): void;
  /** Resolves with the reason why nothing comes any more. */
  readonly ended: Promise<HubTrouble>;
  close(): void;
}

const OPEN_MS = 20_000;
const IDLE_MS = 60_000;
const TOKEN_SECONDS = 3600;
const RENEW_MS = TOKEN_SECONDS * 750;
const SELECTOR = "apache.org:selector-filter:string";
const SELECTOR_CODE = 0x468c_0000_0004;
const AMQP_PORT = 5672;
const AMQPS_PORT = 5671;

/** One connection to a namespace of Event Hubs. Once it has ended it stays so. */
export class HubConnection {
  readonly #connection: Connection;
  readonly #transfers: SettledTransfers;
  readonly #address: Address;
  readonly #ended = Promise.withResolvers<HubTrouble>();
  readonly #audiences = new Set<string>();
  readonly #replies = new Map<string, PromiseWithResolvers<void>>();
  readonly #requests: Sender;
  readonly #answers: Receiver;
  readonly #renewal: NodeJS.Timeout;

  private constructor(connection: Connection, address: Address, requests: Sender, answers: Receiver) {
    this.#connection = connection;
    this.#address = address;
    this.#requests = requests;
    this.#answers = answers;
    this.#transfers = new SettledTransfers(connection);
    answers.on("message", (context: EventContext) => this.#answered(context));
    for (const event of ["connection_close", "connection_error", "disconnected", "protocol_error", "error"]) {
      connection.on(event, (context: unknown) => this.#end(troubleOf(context)));
    }
    this.#renewal = setInterval(() => this.#renew(), RENEW_MS).unref();
  }

  /** Connects; throws HubTrouble. */
  static async open(connectionString: string): Promise<HubConnection> {
    const address = addressOf(connectionString);
    const { host, port, keyName: username } = address;
    const options: ConnectionOptions = {
      host,
      port,
      hostname: host,
      username,
      reconnect: false,
      idle_time_out: IDLE_MS,
    };
    const connection = rhea.create_container().connect(address.plain ? options : { ...options, transport: "tls" });
    try {
      await opened(connection, "connection");
      const replyTo = randomUUID();
      const requests = connection.open_sender({ target: { address: "$cbs" } });
      const answers = connection.open_receiver({
        source: { address: "$cbs" },
        target: { address: replyTo },
        name: replyTo,
      });
      await Promise.all([opened(requests, "sender"), opened(answers, "receiver")]);
      return new HubConnection(connection, address, requests, answers);
    } catch (error) {
      connection.on("disconnected", () => {});
      connection.close();
      throw error;
    }
  }

  /** Resolves with the reason when the connection is no more. */
  get ended(): Promise<HubTrouble> {
    return this.#ended.promise;
  }

  /** Opens a receiver at epoch 0, as the Functions host does; throws HubTrouble. */
  async openReceiver({ address, filter, name, onMessage }: ReceiverOptions): Promise<HubReceiver> {
    const audience = await this.#authorized(address);
    const link = this.#connection.open_receiver({
      name: `${address}-${randomUUID()}`,
      credit_window: 0,
      snd_settle_mode: 1,
      source: { address, filter: { [SELECTOR]: rhea.types.wrap_described(filter, SELECTOR_CODE) } },
      target: { address: name },
      properties: {
        "com.microsoft:epoch": rhea.types.wrap_long(0),
        "com.microsoft:receiver-name": name,
      },
    });
    const ended = this.#endOf(link, "receiver");
    this.#transfers.listen(link, onMessage);
    await Promise.race([opened(link, "receiver"), this.#failed()]);
    return {
      addCredit: (count) => link.add_credit(count),
      ended,
      close: () => {
        this.#transfers.ignore(link);
        this.#audiences.delete(audience);
        link.close();
      },
    };
  }

  /** Opens a sender to "hub/Partitions/id"; throws HubTrouble. */
  async openSender(address: string): Promise<SenderLink> {
    await this.#authorized(address);
    const link = this.#connection.open_sender({ target: { address } });
    const ended = this.#endOf(link, "sender");
    await Promise.race([opened(link, "sender"), this.#failed()]);
    return new SenderLink(link, ended);
  }

  close(): void {
    this.#connection.close();
    this.#end(new HubTrouble("The connection was closed."));
  }

  /** Resolves with the reason when a link is no more. */
  #endOf(link: Receiver | Sender, kind: "receiver" | "sender"): Promise<HubTrouble> {
    const ended = Promise.withResolvers<HubTrouble>();
    for (const event of [`${kind}_close`, `${kind}_error`, "session_close", "session_error"]) {
      link.on(event, () => ended.resolve(troubleOf(link)));
    }
    return Promise.race([ended.promise, this.ended]);
  }

  /** Presents a token for an address, now and from time to time; answers what it is for. */
  async #authorized(address: string): Promise<string> {
    const audience = `sb://${this.#address.host}/${address}`;
    await this.#authorize(audience);
    this.#audiences.add(audience);
    return audience;
  }

  async #authorize(audience: string): Promise<void> {
    const id = randomUUID();
    const answer = Promise.withResolvers<void>();
    this.#replies.set(id, answer);
    this.#requests.send({
      message_id: id,
      reply_to: this.#answers.name,
      to: "$cbs",
      application_properties: { operation: "put-token", type: "servicebus.windows.net:sastoken", name: audience },
      body: signature(this.#address, audience),
    });
    try {
      await inTime(Promise.race([answer.promise, this.#failed()]), "to a token");
    } finally {
      this.#replies.delete(id);
    }
  }

  #answered({ message }: EventContext): void {
    const properties = (message?.application_properties ?? {}) as Record<string, unknown>;
    const answer = this.#replies.get(String(message?.correlation_id));
    const status = Number(properties["status-code"]);
    if (status >= 200 && status < 300) answer?.resolve();
    else answer?.reject(new HubTrouble(String(properties["status-description"]), "amqp:unauthorized-access"));
  }

  #renew(): void {
    // A token that is refused ends its links, whose owners open them anew.
    for (const audience of this.#audiences) this.#authorize(audience).catch(() => {});
  }

  #end(trouble: HubTrouble): void {
    clearInterval(this.#renewal);
    this.#ended.resolve(trouble);
  }

  async #failed(): Promise<never> {
    throw await this.ended;
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
  /** Without TLS, as emulators serve it. */
  readonly plain: boolean;
  readonly keyName: string;
  readonly key: string;
}

function addressOf(connectionString: string): Address {
  const { endpoint, sharedAccessKeyName, sharedAccessKey } = parseEventHubConnectionString(connectionString);
  const { hostname, port } = new URL(endpoint.replace(/^sb:/, "http:"));
  const plain = /UseDevelopmentEmulator=true/i.test(connectionString);
  return {
    host: hostname,
    port: port === "" ? (plain ? AMQP_PORT : AMQPS_PORT) : Number(port),
    plain,
    keyName: sharedAccessKeyName ?? "",
    key: sharedAccessKey ?? "",
  };
}

/** A shared access signature for an hour. */
function signature({ keyName, key }: Address, audience: string): string {
  const resource = encodeURIComponent(audience);
  const expiry = Math.ceil(Date.now() / 1000) + TOKEN_SECONDS;
  const digest = createHmac("sha256", key).update(`${resource}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(digest)}&se=${expiry}&skn=${keyName}`;
}

type Endpoint = Pick<EventEmitter, "on" | "once">;

/** Resolves when the peer has opened its side; rejects when it closes it instead. */
function opened(endpoint: Endpoint, kind: "connection" | "sender" | "receiver"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  endpoint.once(`${kind}_open`, () => {
    // A link that is refused is opened first and closed right after.
    setImmediate(resolve);
  });
  for (const event of [`${kind}_close`, `${kind}_error`, "disconnected"]) {
    endpoint.once(event, (context: unknown) => reject(troubleOf(kind === "connection" ? context : endpoint)));
  }
  return inTime(promise, `when the ${kind} was opened`);
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new HubTrouble(`The hub did not answer ${what}.`)), OPEN_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
