import type { CosmosClient, OperationInput, OperationResponse, RequestOptions } from "@azure/cosmos";
import type { Mishap } from "./faults.ts";
import type { Life } from "./life.ts";

type Document = Readonly<Record<string, unknown>> & { readonly id: string };

/** A write that took effect, as a watcher sees it. */
export interface Written {
  readonly container: string;
  readonly before: Document | undefined;
  readonly after: Document;
}

interface Stored {
  readonly document: Document;
  readonly etag: string;
}

interface Answer {
  readonly status: number;
  readonly stored?: Stored;
}

export interface SimContainerOptions {
  readonly database: string;
  readonly container: string;
  readonly partitionKey: readonly string[];
}

/** The server's own delay when it is busy. */
const RETRY_AFTER_MS = 40;

/** A container of the simulated service: documents with ETags, each write atomic for itself. */
export class SimContainer {
  readonly options: SimContainerOptions;
  readonly #stored = new Map<string, Stored>();
  readonly #watch: (written: Written) => void;
  #version = 0;

  constructor(options: SimContainerOptions, watch: (written: Written) => void) {
    this.options = options;
    this.#watch = watch;
  }

  get documents(): readonly Document[] {
    return [...this.#stored.values()].map(({ document }) => document);
  }

  create(document: Document): Answer {
    const name = this.#nameOf(document);
    if (this.#stored.has(name)) return { status: 409 };
    return this.#write(201, name, document, undefined);
  }

  replace(id: string, key: unknown, document: Document, etag: string | undefined): Answer {
    const name = nameOf(id, key);
    const before = this.#stored.get(name);
    if (before === undefined) return { status: 404 };
    if (etag !== undefined && before.etag !== etag) return { status: 412 };
    return this.#write(200, name, document, before.document);
  }

  read(id: string, key: unknown): Answer {
    const stored = this.#stored.get(nameOf(id, key));
    return stored === undefined ? { status: 404 } : { status: 200, stored };
  }

  #write(status: number, name: string, document: Document, before: Document | undefined): Answer {
    const etag = `"${++this.#version}"`;
    // What is stored is a copy: the writer's object may change.
    const stored = { document: { ...JSON.parse(JSON.stringify(document)), _etag: etag } as Document, etag };
    this.#stored.set(name, stored);
    this.#watch({ container: this.options.container, before, after: stored.document });
    return { status, stored };
  }

  #nameOf(document: Document): string {
    const key = this.options.partitionKey.map((path) =>
      path
        .slice(1)
        .split("/")
        .reduce<unknown>((at, field) => (at as Record<string, unknown> | undefined)?.[field], document),
    );
    return nameOf(document.id, key);
  }
}

function nameOf(id: string, key: unknown): string {
  return JSON.stringify([id, Array.isArray(key) ? key : [key]]);
}

/** A client as one process has it: exactly the calls that the Cosmos DB sink makes. */
export function simCosmosClient(containers: readonly SimContainer[], life: Life): CosmosClient {
  const database = (databaseName: string) => ({
    container: (containerName: string) => {
      const found = containers.find(
        ({ options }) => options.database === databaseName && options.container === containerName,
      );
      return new SimContainerClient(found, life);
    },
  });
  const getDatabaseAccount = () =>
    request(life, "account", false, () => ({
      resource: { enableMultipleWritableLocations: false, writableLocations: [{}] },
    }));
  return { database, getDatabaseAccount } as unknown as CosmosClient;
}

class SimContainerClient {
  readonly #container: SimContainer | undefined;
  readonly #life: Life;
  readonly items: {
    create: (document: Document) => Promise<unknown>;
    bulk: (inputs: readonly OperationInput[], bulk: unknown, options: RequestOptions) => Promise<OperationResponse[]>;
  };

  constructor(container: SimContainer | undefined, life: Life) {
    this.#container = container;
    this.#life = life;
    this.items = {
      create: (document) => this.#alone(true, (store) => store.create(document)),
      bulk: (inputs, _bulk, options) => this.#bulk(inputs, options),
    };
  }

  read(): Promise<unknown> {
    return request(this.#life, "container", false, () => {
      if (this.#container === undefined) throw failure(404);
      return { resource: { partitionKey: { paths: this.#container.options.partitionKey } } };
    });
  }

  item(
    id: string,
    key: unknown,
  ): { replace: (...parameters: never[]) => Promise<unknown>; read: () => Promise<unknown> } {
    return {
      replace: (document: Document, options: RequestOptions = {}) =>
        this.#alone(true, (store) => store.replace(id, key, document, options.accessCondition?.condition)),
      read: () => this.#alone(false, (store) => store.read(id, key)),
    };
  }

  #alone(changes: boolean, run: (store: SimContainer) => Answer): Promise<unknown> {
    return request(this.#life, "item", changes, () => {
      const { status, stored } = run(this.#need());
      // The SDK answers a read that finds nothing and throws for everything else.
      if (status >= 400 && (changes || status !== 404)) throw failure(status);
      return { statusCode: status, etag: stored?.etag, resource: stored?.document };
    });
  }

  #bulk(inputs: readonly OperationInput[], options: RequestOptions): Promise<OperationResponse[]> {
    const changes = inputs.some(({ operationType }) => operationType !== "Read");
    const { faults } = this.#life;
    const mishap = faults.mishap("cosmos", changes);
    const refuses = partly(mishap);
    const withContent = options.contentResponseOnWriteEnabled !== false;
    const passed = refuses === undefined ? mishap : undefined;
    return request(
      this.#life,
      "bulk",
      changes,
      () =>
        inputs.map((input, index) => {
          if (refuses?.(index))
            return { ...toResponse({ status: 429 }, false), retryAfterMilliseconds: RETRY_AFTER_MS };
          return toResponse(runInput(this.#need(), input), withContent);
        }),
      passed ?? null,
    );
  }

  #need(): SimContainer {
    if (this.#container === undefined) throw failure(404);
    return this.#container;
  }
}

/** Which operations of a bulk the service is too busy for. */
function partly(mishap: Mishap | undefined): ((index: number) => boolean) | undefined {
  if (mishap === "throttled") return () => true;
  if (mishap === "partial") return (index) => index % 2 === 1;
  return undefined;
}

function runInput(store: SimContainer, input: OperationInput): Answer {
  const { operationType, partitionKey, id, ifMatch, resourceBody } = input as unknown as {
    readonly operationType: string;
    readonly partitionKey: unknown;
    readonly id: string;
    readonly ifMatch?: string;
    readonly resourceBody: Document;
  };
  switch (operationType) {
    case "Create":
      return store.create(resourceBody);
    case "Replace":
      return store.replace(id, partitionKey, resourceBody, ifMatch);
    case "Read":
      return store.read(id, partitionKey);
    default:
      throw new Error(`The simulated Cosmos DB knows no ${operationType}.`);
  }
}

function toResponse({ status, stored }: Answer, withContent: boolean): OperationResponse {
  return {
    statusCode: status,
    requestCharge: 1,
    ...(stored === undefined ? {} : { eTag: stored.etag }),
    ...(stored === undefined || !withContent ? {} : { resourceBody: stored.document }),
  } as unknown as OperationResponse;
}

/** Sends a request; `mishap` null when it was decided already that nothing goes wrong with it. */
function request<T>(life: Life, label: string, changes: boolean, land: () => T, mishap?: Mishap | null): Promise<T> {
  const decided = mishap === undefined ? {} : { mishap: mishap ?? ("none" as const) };
  return life.call({ service: "cosmos", label, changes, fail: failureOf, ...decided }, land);
}

/** What the SDK throws: a status where there was an answer, none where there was not. */
function failureOf(mishap: Mishap): Error {
  if (mishap === "throttled") return failure(429, RETRY_AFTER_MS);
  if (mishap === "refused") return failure(503);
  return Object.assign(new Error(`No answer came (${mishap}).`), { code: "ECONNRESET" });
}

function failure(status: number, retryAfterInMs?: number): Error {
  return Object.assign(new Error(`Cosmos DB answered ${status}.`), {
    code: status,
    ...(retryAfterInMs === undefined ? {} : { retryAfterInMs }),
  });
}
