import type { AzuriteServers, LokiDatabase } from "./azurite.ts";

/**
 * Writes Azurite's metadata to disk. Azurite saves each of its databases every five seconds on a timer of its own;
 * here they are saved together and more often, and what other records point to goes first, so that a process that
 * is killed between two files never leaves a blob that refers to an unknown extent.
 */
export class MetadataSaver {
  readonly #databases: readonly LokiDatabase[];
  readonly #timer: NodeJS.Timeout;
  #saving: Promise<void> = Promise.resolve();

  constructor(servers: AzuriteServers, intervalMs: number) {
    const { blob, queue, table } = servers;
    this.#databases = [blob.extentMetadataStore, blob.metadataStore, queue.extentMetadataStore, queue.metadataStore]
      .concat(table.metadataStore)
      .flatMap((store) => store?.db ?? []);
    for (const database of this.#databases) database.autosaveDisable();
    this.#timer = setInterval(() => void this.save(), intervalMs);
    this.#timer.unref();
  }

  /** Saves every database that changed; one save at a time. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      for (const database of this.#databases) if (database.autosaveDirty()) await saveOne(database);
    });
    return this.#saving;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save();
  }
}

function saveOne(database: LokiDatabase): Promise<void> {
  return new Promise((resolve, reject) =>
    database.saveDatabase((error) => (error === undefined || error === null ? resolve() : reject(error))),
  );
}
