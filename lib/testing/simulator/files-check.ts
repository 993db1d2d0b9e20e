import type { Cluster } from "./cluster.ts";
import type { Expectation } from "./expectation.ts";
import { type FoundRow, readRows } from "./file-rows.ts";
import type { FilePlace } from "./file-store.ts";
import { compareLists } from "./lists.ts";

interface Entry {
  readonly generation: number;
  readonly batch: number;
  readonly files: readonly { readonly path: string; readonly rows: number }[];
}

type Violate = (what: string) => void;

/** Which generation of a task ("pipeline/partition") is its newest. */
type GenerationOf = (task: string) => number;

/**
 * Reads files as docs/files.md tells readers to, and compares what counts with what each task's rows must be.
 * `generationOf` tells a task's newest generation.
 */
export async function checkFiles(cluster: Cluster, expected: Expectation, generationOf: GenerationOf): Promise<void> {
  const violate = (what: string): void => cluster.watch.violate(what);
  const found = await readFiles(cluster, expected.updates ?? false, generationOf, violate);
  for (const [place, lines] of found) {
    const wanted = expected.files?.get(place) ?? [];
    compareLists(lines, wanted, (what) => violate(`rows of ${place}: ${what}`));
  }
}

/** What counts of all files: by "sink of pipeline/partition", each row behind the folder that it stands in. */
export async function readFiles(
  cluster: Cluster,
  updates: boolean,
  generationOf: GenerationOf,
  violate: Violate,
): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const { fn, partition } of cluster.places) {
    const [name, task] = [fn.pipeline.name, `${fn.pipeline.name}/${partition}`];
    for (const files of cluster.files.places.filter(({ pipeline }) => pipeline === name)) {
      const place = `${files.sink} of ${task}`;
      const say: Violate = (what) => violate(`${place}: ${what}`);
      found.set(place, await readTask(files, task, generationOf(task), updates, say));
    }
  }
  return found;
}

async function readTask(
  files: FilePlace,
  task: string,
  generation: number,
  updates: boolean,
  violate: Violate,
): Promise<readonly string[]> {
  const { blobs } = files.container;
  const prefix = files.path === "" ? "" : `${files.path}/`;
  const entries = entriesOf(blobs, `${prefix}_manifest/${task}/${generation}/`);
  const batches = entries.map(({ batch }) => batch);
  if (batches.some((batch, at) => batch !== at)) violate(`batches ${batches} are not dense`);
  const listed = entries.flatMap((entry) => entry.files);
  const start = `${task.replace("/", "-")}-${generation}-`;
  checkNames(blobs, prefix, start, listed, violate);
  const latest = new Latest(files.keyOf, updates);
  for (const { batch, files: ofBatch } of entries) {
    for (const { path, rows: count } of ofBatch) {
      const rows = await readRows(path, blobs.get(path) ?? Buffer.alloc(0));
      if (rows.length !== count) violate(`${path} holds ${rows.length} rows, its entry says ${count}`);
      const [folder, file] = split(path, prefix);
      const named = file.startsWith(`${start}${String(batch).padStart(10, "0")}-`);
      for (const row of rows) {
        const origin = row.task === task && row.generation === generation && row.batch === batch;
        if (!named || !origin) violate(`${path} holds a row of batch ${row.batch} of ${row.task}: ${row.text}`);
        latest.add(folder, row);
      }
    }
  }
  return latest.lines;
}

/** The entries of a manifest in the order of their names. */
function entriesOf(blobs: ReadonlyMap<string, Buffer>, folder: string): Entry[] {
  const own = [...blobs].filter(([name]) => name.startsWith(folder));
  return own.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, content]) => JSON.parse(content.toString()) as Entry);
}

/** Nothing lies about that the manifest does not name, or names twice. */
function checkNames(
  blobs: ReadonlyMap<string, Buffer>,
  prefix: string,
  start: string,
  listed: Entry["files"],
  violate: Violate,
): void {
  const there = [...blobs.keys()].filter((name) => {
    if (!name.startsWith(prefix)) return false;
    const [folder, file] = split(name, prefix);
    return file.startsWith(start) && /^([a-z]+=[\d-]+\/)*$/.test(folder);
  });
  const paths = listed.map(({ path }) => path);
  compareLists(there, paths, (what) => violate(`not as the manifest says: ${what}`));
}

function split(path: string, prefix: string): [folder: string, file: string] {
  const end = path.lastIndexOf("/") + 1;
  return [path.slice(prefix.length, Math.max(end, prefix.length)), path.slice(end)];
}

/** Of the rows of one key and folder, or of a window's versions, the last; of others all. */
class Latest {
  readonly #rows = new Map<string, string>();
  readonly #keyOf: FilePlace["keyOf"];
  readonly #updates: boolean;

  constructor(keyOf: FilePlace["keyOf"], updates: boolean) {
    this.#keyOf = keyOf;
    this.#updates = updates;
  }

  add(folder: string, { row, text }: FoundRow): void {
    const key = this.#keyOf?.(row, text) ?? this.#windowOf(row);
    this.#rows.set(key === undefined ? `#${this.#rows.size}` : `=${folder}${key}`, `${folder} ${text}`);
  }

  get lines(): readonly string[] {
    return [...this.#rows.values()];
  }

  #windowOf({ key, windowStart }: FoundRow["row"]): string | undefined {
    return this.#updates && windowStart !== undefined ? JSON.stringify([key, windowStart]) : undefined;
  }
}
