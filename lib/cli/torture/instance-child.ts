/** A Functions host in a process of its own, which can be stopped and killed together with its worker. */
import {
  type FunctionsHostOptions,
  type HostEvent,
  type LogEntry,
  startFunctionsHost,
} from "../../local/host/index.ts";
import { serve } from "../services/serve.ts";

export type InstanceOptions = Pick<
  FunctionsHostOptions,
  "appFolder" | "settings" | "nodeArgs" | "instanceId" | "retries"
>;

/** What the host says while it runs. */
export type Told =
  | { readonly kind: "event"; readonly event: HostEvent }
  | { readonly kind: "log"; readonly entry: LogEntry };

/** A clean stop of the whole is to take less than three seconds. */
const DRAIN_MS = 1200;

await serve(async (options: InstanceOptions, tell: (told: Told) => void) => {
  const host = await startFunctionsHost({
    ...options,
    httpPort: 0,
    onEvent: (event) => tell({ kind: "event", event }),
    onLog: (entry) => tell({ kind: "log", entry }),
  });
  return { value: undefined, stop: () => host.stop({ timeoutMs: DRAIN_MS }) };
});
