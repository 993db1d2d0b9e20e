import type { DatabaseSync, StatementSync } from "node:sqlite";
import { conflict } from "./refusal.ts";

/** A stored document: `body` is the whole JSON text as the service returns it, system properties included. */
export interface Row {
  /** Creation order within the container; it never changes, so scans and continuation tokens follow it. */
  readonly seq: number;
  readonly body: string;
}

/** A document to write. Times to live and timestamps are in seconds. */
export interface NewRow {
  readonly key: string;
  readonly id: string;
  readonly seq: number;
  /** The container's change number; the change feed follows it. */
  readonly lsn: number;
  readonly ts: number;
  readonly ttl: number | null;
  readonly body: string;
}

/** Which documents a query looks at; everything absent does not restrict. */
export interface Scope {
  readonly key?: string | undefined;
  readonly keyRange?: readonly [string, string] | undefined;
  readonly ids?: readonly string[] | undefined;
  /** Further SQL conditions, each one true for at least every document the query wants. */
  readonly conditions?: readonly string[] | undefined;
  readonly values?: readonly (string | number)[] | undefined;
  readonly afterSeq?: number | undefined;
}

const uniqueViolation = 2067;
/** After how many inserts the expired documents are swept out, so that the file doesn't grow with them. */
const purgeEvery = 1000;

/** One container's documents: a table of its own and the statements prepared for it. */
export class Documents {
  readonly #database: DatabaseSync;
  readonly #table: string;
  readonly #now: () => number;
  #defaultTtl: number | undefined;
  #live = "1";
  #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #scans = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, number: number, defaultTtl: number | undefined, now: () => number) {
    this.#database = database;
    this.#table = `documents_${number}`;
    this.#now = now;
    const table = this.#table;
    database.exec(`
      CREATE TABLE IF NOT EXISTS ${table}(
        seq INTEGER PRIMARY KEY, key TEXT NOT NULL, id TEXT NOT NULL, lsn INTEGER NOT NULL,
        ts INTEGER NOT NULL, ttl INTEGER, body TEXT NOT NULL);
      CREATE UNIQUE INDEX IF NOT EXISTS ${table}_key ON ${table}(key, id);
      CREATE INDEX IF NOT EXISTS ${table}_lsn ON ${table}(lsn);`);
    this.#insert = database.prepare(
      `INSERT INTO ${table}(seq, key, id, lsn, ts, ttl, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key, id) DO NOTHING`,
    );
    this.#update = database.prepare(`UPDATE ${table} SET lsn = ?, ts = ?, ttl = ?, body = ? WHERE seq = ?`);
    this.#delete = database.prepare(`DELETE FROM ${table} WHERE seq = ?`);
    this.#find = this.#prepareFind();
    this.setDefaultTtl(defaultTtl);
  }

  /** Seconds documents live unless they say otherwise; undefined switches expiry off, −1 leaves it to each document. */
  setDefaultTtl(seconds: number | undefined): void {
    this.#defaultTtl = seconds;
    const life = `coalesce(ttl, ${seconds ?? -1})`;
    this.#live = seconds === undefined ? "1" : `(${life} = -1 OR ts + ${life} > ?)`;
    this.#find = this.#prepareFind();
    this.#scans.clear();
  }

  /** Makes the combination of these JSON paths unique within each partition key. */
  requireUnique(index: number, paths: readonly (readonly string[])[]): void {
    const columns = paths.map((path) => `json_quote(json_extract(body, ${sqlText(jsonPath(path))}))`);
    this.#database.exec(
      `CREATE UNIQUE INDEX IF NOT EXISTS ${this.#table}_unique_${index} ON ${this.#table}(key, ${columns.join(", ")})`,
    );
  }

  find(key: string, id: string): Row | undefined {
    const row = this.#defaultTtl === undefined ? this.#find.get(key, id) : this.#find.get(this.#seconds(), key, id);
    return row as Row | undefined;
  }

  /** False when a living document has the same key and id. */
  insert(row: NewRow): boolean {
    if (this.#defaultTtl !== undefined && row.seq % purgeEvery === 0) this.purgeExpired();
    if (this.#tryInsert(row)) return true;
    if (this.#defaultTtl === undefined || this.find(row.key, row.id) !== undefined) return false;
    this.purgeExpired();
    return this.#tryInsert(row);
  }

  update(row: NewRow): void {
    this.#guard(() => this.#update.run(row.lsn, row.ts, row.ttl, row.body, row.seq));
  }

  delete(seq: number): void {
    this.#delete.run(seq);
  }

  /** Deletes every document of one partition key. */
  deleteKey(key: string): void {
    this.#database.prepare(`DELETE FROM ${this.#table} WHERE key = ?`).run(key);
  }

  /** Removes what has outlived its time to live; readers don't see it either way. */
  purgeExpired(): void {
    if (this.#defaultTtl === undefined) return;
    this.#database.prepare(`DELETE FROM ${this.#table} WHERE NOT ${this.#live}`).run(this.#seconds());
  }

  count(scope: Scope): number {
    const row = this.#scan("count(*) AS n", scope, "").get(...this.#values(scope)) as { readonly n: number };
    return row.n;
  }

  /** Walks the documents in scope in the order they were created. */
  scan(scope: Scope): IterableIterator<Row> {
    const statement = this.#scan("seq, body", scope, "ORDER BY seq");
    return statement.iterate(...this.#values(scope)) as unknown as IterableIterator<Row>;
  }

  /** Walks the latest version of every document changed after a change number, oldest change first. */
  changes(
    scope: Scope,
    afterLsn: number,
    sinceSeconds: number,
  ): IterableIterator<Row & { readonly lsn: number; readonly key: string }> {
    const conditions = [...(scope.conditions ?? []), "lsn > ?", "ts >= ?"];
    const values = [...(scope.values ?? []), afterLsn, sinceSeconds];
    const full = { ...scope, conditions, values };
    const statement = this.#scan("seq, body, lsn, key", full, "ORDER BY lsn");
    return statement.iterate(...this.#values(full)) as unknown as IterableIterator<
      Row & { readonly lsn: number; readonly key: string }
    >;
  }

  highest(column: "seq" | "lsn"): number {
    const row = this.#database.prepare(`SELECT max(${column}) AS n FROM ${this.#table}`).get();
    return Number((row as { readonly n: number | null }).n ?? 0);
  }

  drop(): void {
    this.#database.exec(`DROP TABLE ${this.#table}`);
  }

  #tryInsert(row: NewRow): boolean {
    return this.#guard(
      () => this.#insert.run(row.seq, row.key, row.id, row.lsn, row.ts, row.ttl, row.body).changes !== 0,
    );
  }

  #guard<Result>(write: () => Result): Result {
    try {
      return write();
    } catch (error) {
      if (error instanceof Error && "errcode" in error && error.errcode === uniqueViolation) {
        throw conflict("Unique index constraint violation.");
      }
      throw error;
    }
  }

  #prepareFind(): StatementSync {
    return this.#database.prepare(`SELECT seq, body FROM ${this.#table} WHERE ${this.#live} AND key = ? AND id = ?`);
  }

  #scan(columns: string, scope: Scope, order: string): StatementSync {
    const where = [this.#live];
    if (scope.key !== undefined) where.push("key = ?");
    if (scope.keyRange !== undefined) where.push("key > ? AND key < ?");
    if (scope.ids !== undefined) where.push(`id IN (${scope.ids.map(() => "?").join(", ")})`);
    if (scope.afterSeq !== undefined) where.push("seq > ?");
    where.push(...(scope.conditions ?? []));
    const sql = `SELECT ${columns} FROM ${this.#table} WHERE ${where.join(" AND ")} ${order}`;
    return this.#cached(sql);
  }

  // A statement that is still being iterated would be reset by a second reader, but every scan here runs to its end
  // (or is abandoned) before the next request is looked at.
  #cached(sql: string): StatementSync {
    let statement = this.#scans.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      if (this.#scans.size >= 100) this.#scans.clear();
      this.#scans.set(sql, statement);
    }
    return statement;
  }

  #values(scope: Scope): (string | number)[] {
    const values: (string | number)[] = this.#defaultTtl === undefined ? [] : [this.#seconds()];
    if (scope.key !== undefined) values.push(scope.key);
    if (scope.keyRange !== undefined) values.push(...scope.keyRange);
    if (scope.ids !== undefined) values.push(...scope.ids);
    if (scope.afterSeq !== undefined) values.push(scope.afterSeq);
    values.push(...(scope.values ?? []));
    return values;
  }

  #seconds(): number {
    return this.#now() / 1000;
  }
}

/** The SQLite JSON path of a property path. */
export function jsonPath(path: readonly string[]): string {
  return `$${path.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `."${name.replaceAll('"', '\\"')}"`)).join("")}`;
}

export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
