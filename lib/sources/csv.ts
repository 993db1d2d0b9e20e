/**
 * Reads CSV (RFC 4180, with LF or CRLF) into one object a row, named by the header line; every value is text.
 * Throws a plain Error that names the line.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const [header, ...records] = splitRecords(text.startsWith("\uFEFF") ? text.slice(1) : text);
  if (!header) return [];
  return records.map(({ line, fields }) => {
    if (fields.length !== header.fields.length) {
      throw new Error(`line ${line} has ${fields.length} values where the header has ${header.fields.length}`);
    }
    return Object.fromEntries(header.fields.map((name, i) => [name, fields[i] as string]));
  });
}

interface CsvRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly fields: string[];
}

/** Splits into records; empty lines are left out. */
function splitRecords(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  for (let at = 0; at < text.length; ) {
    const record: CsvRecord = { line, fields: [] };
    for (let more = true; more; ) {
      const field = readField(text, at, line);
      record.fields.push(field.value);
      line += field.lines;
      more = text[field.end] === ",";
      at = field.end + (text.startsWith("\r\n", field.end) ? 2 : 1);
    }
    line++;
    if (record.fields.length > 1 || record.fields[0] !== "") records.push(record);
  }
  return records;
}

interface Field {
  readonly value: string;
  /** Where the comma or line break after it is. */
  readonly end: number;
  /** Line breaks within it. */
  readonly lines: number;
}

function readField(text: string, start: number, line: number): Field {
  if (text[start] === '"') return readQuoted(text, start, line);
  let end = start;
  while (end < text.length && !isEnd(text, end)) end++;
  const value = text.slice(start, end);
  if (value.includes('"')) throw new Error(`line ${line} has a quote inside a value that does not begin with one`);
  return { value, end, lines: 0 };
}

function readQuoted(text: string, start: number, line: number): Field {
  let close = text.indexOf('"', start + 1);
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
  if (close < 0) throw new Error(`line ${line} begins a quoted value that never ends`);
  const end = close + 1;
  if (end < text.length && !isEnd(text, end)) throw new Error(`line ${line} goes on after the end of a quoted value`);
  const value = text.slice(start + 1, close).replaceAll('""', '"');
  return { value, end, lines: value.split("\n").length - 1 };
}

function isEnd(text: string, at: number): boolean {
  return text[at] === "," || text[at] === "\n" || text.startsWith("\r\n", at);
}
