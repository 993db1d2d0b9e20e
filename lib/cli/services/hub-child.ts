/** Event Hubs in a process of its own. */
import { type HubServerOptions, startHubServer } from "../../local/hub/index.ts";
import { serve } from "./serve.ts";

export interface HubChildValue {
  readonly port: number;
  readonly connectionString: string;
}

await serve(async (options: HubServerOptions) => {
  const server = await startHubServer(options);
  const value: HubChildValue = { port: server.port, connectionString: server.connectionString };
  return { value, stop: () => server.stop() };
});
