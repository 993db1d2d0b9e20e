import { fork } from "node:child_process";
import { once } from "node:events";
import type { Frame } from "../../../lib/engine/frame.ts";
import { cosmos } from "../../../lib/sinks/cosmos.ts";
import { localConnections, Owner } from "../../sinks/support.ts";
import { threadCpu } from "./support.ts";

/** A sink that writes results to the local Cosmos DB, which has a process of its own. */
export interface Deliveries {
  /** Delivers what a frame holds; processor time of this thread, milliseconds. */
  deliver(frame: Frame): Promise<number>;
  end(): void;
}

export async function openDeliveries(): Promise<Deliveries> {
  const child = fork(new URL("../sinks-server.ts", import.meta.url), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const [services] = (await once(child, "message")) as [{ cosmos: string; hub: string }];
  const sink = cosmos<{ readonly id: string }>({
    databaseName: "bench",
    containerName: "bulk",
    partitionKey: "/origin",
  });
  const owner = await Owner.open(sink, { connections: localConnections(services), partition: "0" });
  return {
    deliver: async ({ outbox }) => {
      const frame = owner.frame(outbox.flatMap(({ messages }) => messages as { readonly id: string }[]));
      const begun = threadCpu();
      await owner.deliver(frame, AbortSignal.timeout(60_000));
      return threadCpu() - begun;
    },
    end: () => child.disconnect(),
  };
}
