const UNITS = { day: 86_400_000, hour: 3_600_000, minute: 60_000 } as const;

export type FolderUnit = keyof typeof UNITS | "none";

/** A folder of time in Hive's style, and when it ends in event time. */
export interface Folder {
  /** With a slash at the end, or empty. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly end: number;
}

/** The folder that a time belongs to, in UTC; milliseconds since the epoch. */
export function folderOf(time: number, unit: FolderUnit): Folder {
  if (unit === "none") return { name: "", end: Number.POSITIVE_INFINITY };
  const size = UNITS[unit];
  const text = new Date(time).toISOString();
  const split = text.indexOf("T");
  const parts = [`date=${text.slice(0, split)}`];
  if (unit !== "day") parts.push(`hour=${text.slice(split + 1, split + 3)}`);
  if (unit === "minute") parts.push(`minute=${text.slice(split + 4, split + 6)}`);
  return { name: `${parts.join("/")}/`, end: Math.floor(time / size) * size + size };
}
