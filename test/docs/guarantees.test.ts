import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

test("every test that docs/guarantees.md names exists under that title", async () => {
  const text = await readFile(resolve(ROOT, "docs/guarantees.md"), "utf8");
  const claims = [...text.matchAll(/^- `([^`]+\.test\.ts)`: (.+)$/gm)];
  assert.ok(claims.length > 20, "the page names tests");
  const missing: string[] = [];
  for (const [, file, title] of claims) {
    const source = await readFile(resolve(ROOT, "test", file as string), "utf8").catch(() => "");
    if (!titleMatches(source, title as string)) missing.push(`${file}: ${title}`);
  }
  assert.deepEqual(missing, []);
});

/** A title in the source may be a template; its fixed parts must then appear in order. */
function titleMatches(source: string, title: string): boolean {
  const titles = source.matchAll(/\b(?:test|it)\(\s*(?:"([^"]+)"|'([^']+)'|`([^`]+)`)/g);
  for (const [, double, single, template] of titles) {
    const found = double ?? single ?? template ?? "";
    const parts = found.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const pattern = new RegExp(`^${parts.join(".*")}$`);
    if (
      pattern.test(title) ||
      found.endsWith(title) ||
      parts.some((part) => part.trim() !== "" && title === part.trim())
    ) {
      return true;
    }
  }
  return false;
}
