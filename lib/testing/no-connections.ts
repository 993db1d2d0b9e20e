import type { Connections } from "../engine/sink.ts";

/** Connections for whoever must not reach any service. */
export const NO_CONNECTIONS: Connections = new Proxy({} as Connections, {
  get: (_, name) => () => {
    throw new Error(`no service can be reached here, but something asked for ${String(name)}`);
  },
});
