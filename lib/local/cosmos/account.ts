import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Container, throughputOf, withDefaults } from "./container.ts";
import type { JsonObject } from "./json.ts";
import { badRequest, conflict, notFound, ownerNotFound } from "./refusal.ts";

/** A database of the account. */
export interface Database {
  readonly id: string;
  readonly rid: string;
  readonly createdAt: number;
  readonly containers: Map<string, Container>;
}

/** A document that was written; one of a batch that was undone is told all the same. */
export interface ItemWrite {
  readonly container: string;
  /** The document's text before; undefined when it is new. */
  readonly before: string | undefined;
  readonly after: string;
}

/** A write that was refused because of the document that is stored: 409 or 412. */
export interface ItemRefusal {
  readonly container: string;
  /** The text of the document that is there. */
  readonly stored: string;
  /** What was to be written. */
  readonly refused: JsonObject;
}

/** Everything the server stores: databases and containers, over one SQLite file (or memory). */
export class Account {
  readonly databases = new Map<string, Database>();
  readonly now: () => number;
  /** Hears of every document that is written. */
  onWrite: ((write: ItemWrite) => void) | undefined;
  /** Hears of every document that was not written because of the one that is stored. */
  onRefusal: ((refusal: ItemRefusal) => void) | undefined;
  readonly #sqlite: DatabaseSync;
  readonly #unitsPerSecond: number | undefined;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #inTransaction = false;

  constructor(dataFile: string | undefined, now: () => number, unitsPerSecond: number | undefined) {
    this.now = now;
    this.#unitsPerSecond = unitsPerSecond;
    this.#sqlite = new DatabaseSync(dataFile ?? ":memory:");
    // Without fsync a power cut may lose the newest commits, but the death of this process loses none of them.
    this.#sqlite.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;
      PRAGMA wal_autocheckpoint = 4000;
      CREATE TABLE IF NOT EXISTS databases(number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, created INTEGER);
      CREATE TABLE IF NOT EXISTS containers(
        number INTEGER PRIMARY KEY AUTOINCREMENT, db TEXT, definition TEXT, created INTEGER,
        reserved INTEGER NOT NULL DEFAULT 0);`);
    this.#begin = this.#sqlite.prepare("BEGIN");
    this.#commit = this.#sqlite.prepare("COMMIT");
    this.#load();
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Opens the transaction that the writes of one turn of the event loop share. */
  begin(): void {
    if (this.#inTransaction) return;
    this.#begin.run();
    this.#inTransaction = true;
  }

  /** Makes everything written since `begin` permanent; only then may it be acknowledged. */
  commit(): void {
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    this.#commit.run();
  }

  /** Runs writes that stand or fall together; whatever is thrown undoes them and passes on. */
  atomically<Result>(work: () => Result): Result {
    this.begin();
    this.#sqlite.exec("SAVEPOINT batch");
    try {
      const result = work();
      this.#sqlite.exec("RELEASE batch");
      return result;
    } catch (error) {
      this.#sqlite.exec("ROLLBACK TO batch; RELEASE batch");
      throw error;
    }
  }

  database(id: string): Database {
    const database = this.databases.get(id);
    if (database === undefined) throw notFound();
    return database;
  }

  container(database: string, id: string): Container {
    const container = this.databases.get(database)?.containers.get(id);
    if (container === undefined) throw ownerNotFound(`container "${id}" in the database "${database}".`);
    return container;
  }

  /** Whether a container is still there, and not one of the same name created since. */
  owns(container: Container): boolean {
    return this.databases.get(container.database)?.containers.get(container.id) === container;
  }

  createDatabase(id: unknown): Database {
    checkId(id);
    if (this.databases.has(id)) throw conflict();
    this.begin();
    const created = Math.floor(this.now() / 1000);
    const insert = this.#sqlite.prepare("INSERT INTO databases(id, created) VALUES (?, ?)");
    return this.#addDatabase(Number(insert.run(id, created).lastInsertRowid), id, created);
  }

  deleteDatabase(id: string): void {
    this.begin();
    for (const container of this.database(id).containers.values()) this.deleteContainer(container);
    this.#sqlite.prepare("DELETE FROM databases WHERE id = ?").run(id);
    this.databases.delete(id);
  }

  createContainer(databaseId: string, given: JsonObject): Container {
    checkId(given.id);
    const definition = withDefaults(given);
    const database = this.database(databaseId);
    if (database.containers.has(given.id)) throw conflict();
    this.begin();
    const createdAt = Math.floor(this.now() / 1000);
    const insert = this.#sqlite.prepare("INSERT INTO containers(db, definition, created) VALUES (?, ?, ?)");
    const number = Number(insert.run(databaseId, JSON.stringify(definition), createdAt).lastInsertRowid);
    return this.#addContainer(database, number, definition, createdAt);
  }

  replaceContainer(container: Container, definition: JsonObject): void {
    this.begin();
    container.redefine(definition);
    const update = this.#sqlite.prepare("UPDATE containers SET definition = ? WHERE number = ?");
    update.run(JSON.stringify(container.definition), container.number);
  }

  deleteContainer(container: Container): void {
    this.begin();
    container.documents.drop();
    this.#sqlite.prepare("DELETE FROM containers WHERE number = ?").run(container.number);
    this.databases.get(container.database)?.containers.delete(container.id);
  }

  close(): void {
    this.begin();
    for (const database of this.databases.values()) {
      for (const container of database.containers.values()) container.close();
    }
    this.commit();
    this.#sqlite.close();
  }

  #load(): void {
    for (const row of this.#sqlite.prepare("SELECT number, id, created FROM databases").all()) {
      this.#addDatabase(Number(row.number), String(row.id), Number(row.created));
    }
    for (const row of this.#sqlite.prepare("SELECT number, db, definition, created FROM containers").all()) {
      const definition = JSON.parse(String(row.definition)) as JsonObject;
      this.#addContainer(this.database(String(row.db)), Number(row.number), definition, Number(row.created));
    }
  }

  #addDatabase(number: number, id: string, createdAt: number): Database {
    const rid = `${number.toString(36).padStart(6, "0")}==`;
    const database: Database = { id, rid, createdAt, containers: new Map() };
    this.databases.set(id, database);
    return database;
  }

  #addContainer(database: Database, number: number, definition: JsonObject, createdAt: number): Container {
    const record = { number, database: database.id, databaseRid: database.rid, definition, createdAt };
    const container = new Container(this.#sqlite, record, this.now);
    container.throughput = throughputOf(this.#unitsPerSecond, this.now());
    const { id } = container;
    container.onWrite = (before, after) => this.onWrite?.({ container: id, before, after });
    container.onRefusal = (stored, refused) => this.onRefusal?.({ container: id, stored: stored(), refused });
    database.containers.set(container.id, container);
    return container;
  }
}

function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string" || id === "" || id.length > 255 || /[/\\?#]/.test(id)) {
    throw badRequest("The id must be a string of 1 to 255 characters without / \\ ? or #.");
  }
}
