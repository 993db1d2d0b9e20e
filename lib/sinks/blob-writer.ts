import type { BlobServiceClient, BlockBlobClient } from "@azure/storage-blob";
import type { World } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { backOff, unavailable } from "./backoff.ts";

/** Writes to one blob container, patiently: makes the container when it is missing, and waits while storage is away. */
export class BlobWriter {
  readonly #world: World;
  // The storage client is asked for with the first write: many tasks never have one.
  readonly #service: () => Promise<BlobServiceClient>;
  readonly #container: string;

  constructor(world: World, service: () => Promise<BlobServiceClient>, container: string) {
    this.#world = world;
    this.#service = service;
    this.#container = container;
  }

  /**
   * Runs a write until it succeeds; one that may have happened unnoticed is run again, so it must be one of which twice
   * is once. Throws UNAVAILABLE, retryable, after half a minute or when the signal is aborted first; a TidemarkError of the write at once.
   */
  async write(name: string, send: (blob: BlockBlobClient) => Promise<void>, signal: AbortSignal): Promise<void> {
    const since = this.#world.now();
    let trouble: unknown;
    for (let attempt = 0; ; attempt++) {
      try {
        signal.throwIfAborted();
        const container = (await this.#service()).getContainerClient(this.#container);
        return await send(container.getBlockBlobClient(name));
      } catch (error) {
        if (error instanceof TidemarkError && !error.retryable) throw error;
        if (!signal.aborted) trouble = error;
        await this.#recover(error, attempt, since, signal).catch(() => {
          throw unavailable(`Blob Storage (${this.#container}/${name})`, trouble);
        });
      }
    }
  }

  /** Makes what is missing, or waits; rejects when the time is over. */
  async #recover(error: unknown, attempt: number, since: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if ((error as { readonly code?: unknown } | null)?.code === "ContainerNotFound") {
      if (await this.#createContainer(signal)) return;
    }
    await backOff(this.#world, attempt, retryAfter(error), signal, since);
  }

  async #createContainer(signal: AbortSignal): Promise<boolean> {
    try {
      const service = await this.#service();
      await service.getContainerClient(this.#container).createIfNotExists({ abortSignal: signal });
      return true;
    } catch {
      return false;
    }
  }
}

/** Milliseconds that a busy service asks to wait. */
function retryAfter(error: unknown): number | undefined {
  const { response } = error as {
    readonly response?: { readonly headers?: { get(name: string): string | undefined } };
  };
  const seconds = Number(response?.headers?.get("retry-after") ?? Number.NaN);
  return seconds > 0 ? seconds * 1_000 : undefined;
}
