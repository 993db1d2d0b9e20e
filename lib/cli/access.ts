import { readFile } from "node:fs/promises";
import type { ContainerClient, StoragePipelineOptions } from "@azure/storage-blob";
import { TIDEMARK_CONTAINER } from "../azure/checkpoints.ts";
import { AzureConnections } from "../azure/connections.ts";
import { type Environment, readSettings, type SettingNeed } from "../azure/settings.ts";
import { TidemarkError } from "../errors.ts";

/** Where the command looks for services. */
export interface AccessOptions {
  /** The name of a setting of the storage account, or a connection string itself. */
  readonly connection: string;
  /** A file of settings that the environment goes before. */
  readonly settings: string;
  /** Who asks, for errors: "tidemark dead-letters". */
  readonly command: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a connection string on the command line is called from then on. */
const GIVEN = "TidemarkStorage";

/** Clients of the services that the command needs: by connection strings, or by whoever is logged in. */
export class Access {
  readonly #environment: Environment;
  readonly #storage: string;
  readonly #command: string;
  readonly #open: AzureConnections[] = [];

  private constructor(environment: Environment, storage: string, command: string) {
    this.#environment = environment;
    this.#storage = storage;
    this.#command = command;
  }

  /** Reads settings; throws CONFIGURATION when their file is not one. */
  static async of({ connection, settings, command }: AccessOptions): Promise<Access> {
    const environment = asOperator({ ...(await readLocal(settings)), ...process.env });
    if (NAME.test(connection)) return new Access(environment, connection, command);
    return new Access({ ...environment, [GIVEN]: connection }, GIVEN, command);
  }

  /** The setting of the storage account. */
  get storage(): string {
    return this.#storage;
  }

  /** The container of checkpoints, dead letters and late events. */
  async container(options?: StoragePipelineOptions): Promise<ContainerClient> {
    const need = { name: this.#storage, service: "Blob Storage", usedBy: this.#command } as const;
    const connections = this.connections([need]);
    return (await connections.blobs(this.#storage, options)).getContainerClient(TIDEMARK_CONTAINER);
  }

  /** Throws CONFIGURATION when a setting is missing or wrong. */
  connections(needs: readonly SettingNeed[]): AzureConnections {
    const connections = new AzureConnections(readSettings(needs, this.#environment));
    this.#open.push(connections);
    return connections;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((one) => one.close()));
  }
}

/** From outside, services are reached as whoever is signed in: the app's identity exists in Azure only. */
function asOperator(settings: Environment): Environment {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !/__(credential|clientId)$/.test(name)));
}

async function readLocal(file: string): Promise<Environment> {
  const text = await readFile(file, "utf8").catch(() => '{"Values":{}}');
  try {
    const { Values: values = {} } = JSON.parse(text) as { Values?: Record<string, string> };
    return values;
  } catch (cause) {
    throw new TidemarkError("CONFIGURATION", `${file} is not JSON.`, { cause });
  }
}
