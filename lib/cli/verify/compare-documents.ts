import type { Container } from "@azure/cosmos";
import type { Differences } from "./differences.ts";
import type { ExpectedDocument, ExpectedDocuments } from "./expected-documents.ts";

const PAGE_DOCUMENTS = 2000;

/** Reads a whole container and compares each document, field by field; resolves with how many it holds. */
export async function compareDocuments<Values>(
  container: Container,
  keyField: string,
  expected: ExpectedDocuments<Values>,
  differences: Differences,
): Promise<number> {
  let count = 0;
  const seen = new Set<string>();
  const pages = container.items.query<Record<string, unknown>>("SELECT * FROM c", { maxItemCount: PAGE_DOCUMENTS });
  for await (const { resources } of pages.getAsyncIterator()) {
    for (const document of resources) {
      count++;
      const key = String(document[keyField]);
      const place = `${expected.container} ${key} ${document.windowStart}`;
      if (seen.has(place)) differences.add(`${place} is there twice`);
      seen.add(place);
      const wanted = expected.take(key, Date.parse(String(document.windowStart)));
      if (wanted === undefined) differences.add(`${place} should not be there`);
      else compareFields(place, document, wanted, differences);
    }
  }
  for (const { key, windowStart } of expected.missing()) {
    differences.add(`${expected.container} ${key} ${new Date(windowStart).toISOString()} is missing`);
  }
  return count;
}

function compareFields(
  place: string,
  document: Readonly<Record<string, unknown>>,
  wanted: ExpectedDocument,
  differences: Differences,
): void {
  for (const field of new Set([...Object.keys(wanted), ...Object.keys(document).filter(isOurs)])) {
    if (document[field] !== wanted[field]) {
      const texts = [document[field], wanted[field]].map((value) => JSON.stringify(value) ?? "absent");
      differences.add(`${place} has ${field} ${texts[0]}, and it should be ${texts[1]}`);
    }
  }
}

/** Fields with an underscore belong to the database and to the sink's fence. */
function isOurs(field: string): boolean {
  return !field.startsWith("_");
}
