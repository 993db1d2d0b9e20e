/** The port of each storage service. */
export interface StoragePorts {
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

/** What the child process that runs Azurite tells its parent. */
export type StorageMessage =
  | { readonly kind: "ready"; readonly ports: StoragePorts }
  | { readonly kind: "port-taken"; readonly service: keyof StoragePorts; readonly port: number }
  | { readonly kind: "failed"; readonly message: string };
