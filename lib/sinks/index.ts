export { type CosmosId, type CosmosOptions, type CosmosTarget, cosmos } from "./cosmos.ts";
export type { Columns, ColumnType, FilesOptions } from "./files/options.ts";
export { files } from "./files.ts";
export { type HubSinkOptions, toHub } from "./hub.ts";
export { type SideOutputOptions, sideOutput } from "./side-output.ts";
