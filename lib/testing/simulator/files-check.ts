import type { Cluster } from "./cluster.ts";
import type { Expectation } from "./expectation.ts";
import { compareLists } from "./lists.ts";

interface Entry {
  readonly generation: number;
  readonly batch: number;
  readonly files: readonly { readonly path: string; readonly rows: number }[];
}

interface StoredRow {
  readonly _task: string;
  readonly _generation: number;
  readonly _batch: number;
  readonly at: number;
}

/**
 * Reads files as docs/files.md tells readers to, and compares what counts with what each task's rows must be.
 * `generationOf` tells a task's newest generation.
 */
export function checkFiles(cluster: Cluster, { rows }: Expectation, generationOf: (task: string) => number): void {
  const { blobs } = cluster.files;
  if (blobs.size === 0 || rows === undefined) return;
  for (const [task, wanted] of rows) {
    const violate = (what: string): void => cluster.watch.violate(`files of ${task}: ${what}`);
    const entries = entriesOf(blobs, task).filter(({ generation }) => generation === generationOf(task));
    const batches = entries.map(({ batch }) => batch);
    if (batches.some((batch, at) => batch !== at)) violate(`batches ${batches} are not dense`);
    const paths = entries.flatMap(({ files }) => files.map(({ path }) => path));
    checkNames(blobs, task, generationOf(task), paths, violate);
    const found = paths.flatMap((path) => rowsOf(path, blobs.get(path), task, violate));
    compareLists(found, wanted, violate);
  }
}

function entriesOf(blobs: ReadonlyMap<string, Buffer>, task: string): Entry[] {
  const ofTask = [...blobs].filter(([name]) => name.includes(`/_manifest/${task}/`));
  return ofTask.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, content]) => JSON.parse(content.toString()) as Entry);
}

/** Nothing lies about that the manifest does not name, or names twice. */
function checkNames(
  blobs: ReadonlyMap<string, Buffer>,
  task: string,
  generation: number,
  paths: readonly string[],
  violate: (what: string) => void,
): void {
  const own = `/${task.replace("/", "-")}-${generation}-`;
  const there = [...blobs.keys()].filter((name) => name.includes(own));
  compareLists(there, paths, (what) => violate(`not as the manifest says: ${what}`));
}

/** The rows of a file as they were before the sink added its own fields; each in the folder of its minute. */
function rowsOf(path: string, content: Buffer | undefined, task: string, violate: (what: string) => void): string[] {
  const lines = content?.toString().trimEnd().split("\n") ?? [];
  return lines.map((line) => {
    const { _task, _generation, _batch, ...row } = JSON.parse(line) as StoredRow;
    const time = new Date(row.at).toISOString();
    const folder = `/date=${time.slice(0, 10)}/hour=${time.slice(11, 13)}/minute=${time.slice(14, 16)}/`;
    const name = `${task.replace("/", "-")}-${_generation}-${String(_batch).padStart(10, "0")}-`;
    if (_task !== task || !path.includes(`${folder}${name}`)) violate(`${path} holds ${line}`);
    return JSON.stringify(row);
  });
}
