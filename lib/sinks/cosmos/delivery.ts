import type { World } from "../../engine/ports.ts";
import { TidemarkError } from "../../errors.ts";
import { backOff, OutOfPatience, unavailable } from "../backoff.ts";
import { type CosmosDocument, type PartitionKeyValue, partitionKeyOf } from "./document.ts";
import { FENCE_FIELD, type Fence, judge, readFence } from "./fence.ts";
import type { Operation } from "./operation.ts";
import type { Outcome } from "./outcome.ts";
import type { Versions } from "./versions.ts";

/** What a delivery needs beside the documents. */
export interface DeliveryContext {
  readonly world: World;
  /** "database/container", for messages. */
  readonly target: string;
  readonly partitionKey: readonly string[];
  readonly versions: Versions;
  submit(operations: readonly Operation[], signal: AbortSignal): Promise<readonly Outcome[]>;
}

/** A document on its way: next comes a create, or a replace of a known version, or a look at what is there. */
interface Write {
  readonly message: CosmosDocument;
  readonly key: PartitionKeyValue[];
  readonly name: string;
  operation: Operation;
  /** How often a write was refused (409) although a read found that it could be done. */
  contradictions: number;
}

/** Somebody may delete between our steps a few times, or free a unique key, not for ever. */
const MAX_CONTRADICTIONS = 5;

export interface RefusedDocument {
  readonly message: CosmosDocument;
  readonly reason: string;
}

/**
 * Writes one frame's documents, the last version of each, under their fence. Goes in rounds: everything open is sent,
 * what has an answer goes on or is finished, and when the service is busy the next round waits.
 */
export async function deliverDocuments(
  messages: readonly CosmosDocument[],
  fence: Fence,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<readonly RefusedDocument[]> {
  const refused: RefusedDocument[] = [];
  let open = plan(messages, fence, context);
  const { world } = context;
  let trouble: unknown;
  let since = world.now();
  for (let attempt = 0; open.length > 0; ) {
    try {
      const outcomes = await context.submit(
        open.map((write) => write.operation),
        signal,
      );
      const round = new Round(fence, context);
      open.forEach((write, index) => {
        round.take(write, outcomes[index] as Outcome);
      });
      // One by one: a call takes a hundred thousand arguments or so.
      for (const document of round.refused) refused.push(document);
      if (round.failure !== undefined) throw round.failure;
      if (round.open.length < open.length) since = world.now();
      open = round.open;
      if (round.busy) {
        trouble = round.busy.cause;
        await backOff(world, attempt++, round.busy.delay, signal, since);
      }
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      if (signal.aborted || error instanceof OutOfPatience)
        throw unavailable(`Cosmos DB (${context.target})`, trouble ?? error);
      throw error;
    }
  }
  return refused;
}

/** The last version of each document, with the first operation to try. */
function plan(messages: readonly CosmosDocument[], fence: Fence, context: DeliveryContext): Write[] {
  const last = new Map<string, Write>();
  for (const message of messages) {
    const key = partitionKeyOf(message, context.partitionKey) as PartitionKeyValue[];
    const name = documentName(message.id, key);
    last.set(name, { message, key, name, operation: { kind: "Read", key, id: message.id }, contradictions: 0 });
  }
  const writes: Write[] = [];
  for (const write of last.values()) {
    const known = context.versions.get(write.name);
    if (known === undefined) write.operation = create(write, fence);
    else if (judge(known.fence, fence, describe(write.message.id, write.key, context)) === "replace") {
      write.operation = replace(write, fence, known.etag);
    } else continue;
    writes.push(write);
  }
  return writes;
}

/** Sorts the answers of one round. */
class Round {
  readonly #fence: Fence;
  readonly #context: DeliveryContext;
  readonly open: Write[] = [];
  readonly refused: RefusedDocument[] = [];
  busy: { delay: number | undefined; cause: unknown } | undefined;
  /** The first thing that no retry will mend; the other documents of the round are done by then. */
  failure: TidemarkError | undefined;

  constructor(fence: Fence, context: DeliveryContext) {
    this.#fence = fence;
    this.#context = context;
  }

  take(write: Write, outcome: Outcome): void {
    const { message, key, name } = write;
    switch (outcome.kind) {
      case "done":
        if (write.operation.kind === "Read") this.#judge(write, outcome);
        else if (outcome.etag !== undefined) {
          this.#context.versions.set(name, { etag: outcome.etag, fence: this.#fence });
        }
        break;
      case "exists":
        // A replace meets no document of its id: it is another one that has its unique key.
        if (write.operation.kind === "Replace" && this.#refusesAtLast(write)) break;
        this.#next(write, { kind: "Read", key, id: message.id });
        break;
      case "changed":
        this.#next(write, { kind: "Read", key, id: message.id });
        break;
      case "missing":
        if (!this.#refusesAtLast(write)) this.#next(write, create(write, this.#fence));
        break;
      case "busy":
        this.busy = { delay: later(this.busy?.delay, outcome.delay), cause: outcome.cause };
        this.#next(write, write.operation);
        break;
      case "refused":
        this.refused.push({ message, reason: outcome.reason });
        break;
      case "gone":
        this.failure ??= containerMissing(this.#context.target, outcome.cause);
    }
  }

  /** Whether a write was refused so often, without a document in its way, that it is refused for good. */
  #refusesAtLast(write: Write): boolean {
    if (++write.contradictions <= MAX_CONTRADICTIONS) return false;
    const reason = "Cosmos DB answered 409 although no document of this id is in the way: it violates a unique key.";
    this.refused.push({ message: write.message, reason });
    return true;
  }

  #judge(write: Write, outcome: Outcome & { kind: "done" }): void {
    const { message, key } = write;
    const stored = readFence(outcome.document);
    try {
      const verdict = judge(stored, this.#fence, describe(message.id, key, this.#context));
      if (verdict === "replace")
        this.#next(write, replace(write, this.#fence, outcome.etag ?? etagOf(outcome.document)));
    } catch (error) {
      this.failure ??= error as TidemarkError;
    }
  }

  #next(write: Write, operation: Operation): void {
    this.#context.versions.delete(write.name);
    write.operation = operation;
    this.open.push(write);
  }
}

function create({ message, key }: Write, fence: Fence): Operation {
  return { kind: "Create", key, body: { ...message, [FENCE_FIELD]: fence } as unknown as CosmosDocument };
}

function replace({ message, key }: Write, fence: Fence, etag: string): Operation {
  return { kind: "Replace", key, etag, body: { ...message, [FENCE_FIELD]: fence } as unknown as CosmosDocument };
}

function etagOf(document: unknown): string {
  return (document as { readonly _etag: string })._etag;
}

function later(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

function documentName(id: string, key: readonly PartitionKeyValue[]): string {
  return `${JSON.stringify(key)}${id}`;
}

function describe(id: string, key: readonly PartitionKeyValue[], context: DeliveryContext): string {
  return `Document "${id}" with partition key ${key.map((part) => JSON.stringify(part)).join(", ")} in ${context.target}`;
}

function containerMissing(target: string, cause: unknown): TidemarkError {
  return new TidemarkError("NOT_FOUND", `There is no Cosmos DB container ${target}.`, {
    fix: "Create the database and the container, or correct databaseName and containerName.",
    cause,
  });
}
