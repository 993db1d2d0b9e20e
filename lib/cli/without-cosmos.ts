/**
 * Loaded into the worker before the app by `--sink none`: puts a sink that drops everything in the place of the Cosmos
 * DB sink, to see what the rest can do. The engine itself has no such switch.
 */
import { registerHooks } from "node:module";

const cosmosSink = new URL("../sinks/cosmos.ts", import.meta.url).href;
const droppingSink = new URL("./dropping-sink.ts", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, nextResolve) => {
    const resolved = nextResolve(specifier, context);
    return resolved.url === cosmosSink ? { ...resolved, url: droppingSink } : resolved;
  },
});
