import type { DatabaseSync } from "node:sqlite";
import { Throughput } from "./charge.ts";
import { Documents } from "./documents.ts";
import { isObject, type JsonObject } from "./json.ts";
import { parsePath } from "./partition-key.ts";
import { badRequest } from "./refusal.ts";

/** How many change numbers are set aside at a time, so that a killed server never hands one out twice. */
const reservation = 1_000_000;

/** What a container is made of; the account keeps it. */
export interface ContainerRecord {
  /** Never used again, even when the container is deleted and created anew. */
  readonly number: number;
  readonly database: string;
  readonly databaseRid: string;
  readonly definition: JsonObject;
  readonly createdAt: number;
}

/** A container: its definition, its documents and the numbers it gives them. */
export class Container {
  readonly number: number;
  readonly database: string;
  readonly rid: string;
  readonly self: string;
  readonly documents: Documents;
  /** The account's clock, in milliseconds since 1970. */
  readonly now: () => number;
  readonly keyPaths: readonly (readonly string[])[];
  throughput: Throughput | undefined;
  /** Hears of every document that is written: its text before, undefined when it is new, and after. */
  onWrite: ((before: string | undefined, after: string) => void) | undefined;
  /** Hears of every document that was refused because of the stored one, whose text is there for the asking. */
  onRefusal: ((stored: () => string, refused: JsonObject) => void) | undefined;
  readonly #database: DatabaseSync;
  readonly #createdAt: number;
  readonly #etagHead: string;
  #definition: JsonObject;
  #seq: number;
  #lsn: number;
  #reservedTo: number;

  constructor(database: DatabaseSync, record: ContainerRecord, now: () => number) {
    this.#database = database;
    this.now = now;
    this.number = record.number;
    this.database = record.database;
    this.rid = `${record.databaseRid.slice(0, 6)}${record.number.toString(36).padStart(5, "0")}=`;
    this.self = `dbs/${record.databaseRid}/colls/${this.rid}/`;
    this.#createdAt = record.createdAt;
    this.#etagHead = `"${record.number.toString(16).padStart(8, "0")}-0000-0000-0000-`;
    this.#definition = record.definition;
    this.keyPaths = keyPathsOf(record.definition);
    this.documents = new Documents(database, record.number, ttlOf(record.definition), now);
    uniqueKeysOf(record.definition).forEach((paths, index) => void this.documents.requireUnique(index, paths));
    this.#seq = this.documents.highest("seq");
    const saved = database.prepare("SELECT reserved FROM containers WHERE number = ?").get(record.number);
    this.#reservedTo = Number((saved as { readonly reserved: number }).reserved);
    this.#lsn = Math.max(this.#reservedTo, this.documents.highest("lsn"));
  }

  get id(): string {
    return String(this.#definition.id);
  }

  get definition(): JsonObject {
    return this.#definition;
  }

  /** The definition as the service shows it. */
  get resource(): JsonObject {
    return {
      ...this.#definition,
      _rid: this.rid,
      _ts: this.#createdAt,
      _self: this.self,
      _etag: `"${this.number.toString(16).padStart(8, "0")}-0000-0000-0000-000000000000"`,
      _docs: "docs/",
      _sprocs: "sprocs/",
      _triggers: "triggers/",
      _udfs: "udfs/",
      _conflicts: "conflicts/",
    };
  }

  /** The number of the last change. */
  get lsn(): number {
    return this.#lsn;
  }

  nextSeq(): number {
    this.#seq += 1;
    return this.#seq;
  }

  nextLsn(): number {
    this.#lsn += 1;
    if (this.#lsn > this.#reservedTo) this.#reserve(this.#lsn + reservation);
    return this.#lsn;
  }

  /** Sets numbers aside before a batch begins: what a rolled-back batch set aside would be forgotten on disk. */
  reserveForBatch(operations: number): void {
    if (this.#lsn + operations >= this.#reservedTo) this.#reserve(this.#lsn + reservation);
  }

  etag(lsn: number): string {
    return `${this.#etagHead}${lsn.toString(16).padStart(12, "0")}"`;
  }

  documentRid(seq: number): string {
    return `${this.rid.slice(0, 11)}${seq.toString(36).padStart(12, "0")}=`;
  }

  /** Changes what may change after creation: time to live, indexing, conflict policy. */
  redefine(definition: JsonObject): void {
    checkDefinition(definition);
    const { partitionKey, id, uniqueKeyPolicy } = this.#definition;
    this.#definition = withDefaults({ ...definition, id, partitionKey, ...(uniqueKeyPolicy && { uniqueKeyPolicy }) });
    this.documents.setDefaultTtl(ttlOf(this.#definition));
  }

  /** Gives back the change numbers set aside but not used; only for an orderly end. */
  close(): void {
    if (this.#reservedTo > this.#lsn) this.#reserve(this.#lsn);
  }

  #reserve(lsn: number): void {
    this.#reservedTo = lsn;
    this.#database.prepare("UPDATE containers SET reserved = ? WHERE number = ?").run(lsn, this.number);
  }
}

/** Fills in what the service fills in; throws 400 for a definition it would refuse. */
export function withDefaults(definition: JsonObject): JsonObject {
  checkDefinition(definition);
  const key = isObject(definition.partitionKey) ? definition.partitionKey : { paths: ["/_partitionKey"] };
  const several = Array.isArray(key.paths) && key.paths.length > 1;
  return {
    indexingPolicy: {
      indexingMode: "consistent",
      automatic: true,
      includedPaths: [{ path: "/*" }],
      excludedPaths: [{ path: '/"_etag"/?' }],
    },
    conflictResolutionPolicy: {
      mode: "LastWriterWins",
      conflictResolutionPath: "/_ts",
      conflictResolutionProcedure: "",
    },
    geospatialConfig: { type: "Geography" },
    ...definition,
    partitionKey: { kind: several ? "MultiHash" : "Hash", version: 2, ...key },
  };
}

function checkDefinition(definition: JsonObject): void {
  const { id, defaultTtl, partitionKey } = definition;
  if (typeof id !== "string" || id === "") throw badRequest("A container needs an id.");
  if (defaultTtl !== undefined && (!Number.isInteger(defaultTtl) || Number(defaultTtl) < -1 || defaultTtl === 0)) {
    throw badRequest(`The default time to live must be −1 or a positive integer, not ${JSON.stringify(defaultTtl)}.`);
  }
  if (partitionKey === undefined) return;
  const paths = isObject(partitionKey) ? partitionKey.paths : undefined;
  if (!Array.isArray(paths) || paths.length === 0 || paths.length > 3) {
    throw badRequest("A partition key has one to three paths.");
  }
  for (const path of paths) parsePath(String(path));
}

const keyPathsOf = (definition: JsonObject) =>
  ((definition.partitionKey as JsonObject).paths as string[]).map((path) => parsePath(path));

const ttlOf = (definition: JsonObject) =>
  typeof definition.defaultTtl === "number" ? definition.defaultTtl : undefined;

function uniqueKeysOf(definition: JsonObject): (readonly string[])[][] {
  const policy = definition.uniqueKeyPolicy;
  const keys = isObject(policy) && Array.isArray(policy.uniqueKeys) ? policy.uniqueKeys : [];
  return keys.map((key) =>
    isObject(key) && Array.isArray(key.paths) ? key.paths.map((path) => parsePath(String(path))) : [],
  );
}

/** The request units per second a container is limited to; absent: not limited. */
export function throughputOf(unitsPerSecond: number | undefined, now: number): Throughput | undefined {
  return unitsPerSecond === undefined ? undefined : new Throughput(unitsPerSecond, now);
}
