import { readFence } from "../../sinks/cosmos/fence.ts";
import { breachOf } from "../fence-breach.ts";
import type { Written } from "./sim-cosmos.ts";

/** Looks at every write when it happens, and keeps what must not be. */
export class Watch {
  readonly violations: string[] = [];
  readonly #tell: ((what: string) => void) | undefined;

  constructor(tell?: (what: string) => void) {
    this.#tell = tell;
  }

  violate(what: string): void {
    this.#tell?.(`! ${what}`);
    if (this.violations.length < 20) this.violations.push(what);
  }

  /** No document goes back to an older version, and none of equal version differs. */
  document({ container, before, after }: Written): void {
    if (before === undefined) return;
    const [old, now] = [readFence(before), readFence(after)];
    const place = `document "${after.id}" of ${container}`;
    if (old === undefined || now === undefined) {
      this.violate(`${place} has no fence`);
      return;
    }
    const wrong = breachOf(old, now);
    if (wrong !== undefined) this.violate(`${place}: ${wrong}`);
  }

  /** A side output's blob is written anew only with the same bytes. */
  sideBlob(name: string, before: Buffer | undefined, after: Buffer): void {
    if (before !== undefined && !before.equals(after)) this.violate(`blob ${name} was overwritten with other bytes`);
  }

  /** A file is written once, and the manifest names files that are there. */
  file(name: string, before: Buffer | undefined, after: Buffer, exists: (path: string) => boolean): void {
    if (before !== undefined) this.violate(`file ${name} was written a second time`);
    if (!name.includes("_manifest/")) return;
    const { files } = JSON.parse(after.toString()) as { readonly files: readonly { readonly path: string }[] };
    for (const { path } of files) if (!exists(path)) this.violate(`${name} names ${path}, which is not there yet`);
  }
}
