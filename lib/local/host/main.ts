/**
 * Runs a function app until it is told to stop: `node lib/local/host/main.ts FOLDER`.
 * Settings come from local.settings.json and the environment; SIGTERM and SIGINT drain.
 */
import { messageOf } from "../../errors.ts";
import { startFunctionsHost } from "./index.ts";

const [appFolder = "."] = process.argv.slice(2);
const environment = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);

try {
  const host = await startFunctionsHost({
    appFolder,
    settings: Object.fromEntries(environment),
    httpPort: Number(process.env.PORT ?? 7071),
    onLog: ({ level, category, message }) => console.log(`${level} ${category} ${message}`),
  });
  const names = host.functions().map(({ name }) => name);
  const http = host.httpPort === undefined ? "" : ` HTTP on port ${host.httpPort}.`;
  console.log(`Running ${names.join(", ")}.${http}`);
  const stop = (): void => {
    void host.stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
