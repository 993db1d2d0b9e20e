import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { Language, type Node, Parser } from "web-tree-sitter";
import { parseBicep } from "./bicep/parser.ts";
import { INFRA } from "./environments.ts";

// A second reader of the templates, made by other people: what only our own parser could read would not be Bicep.
// Its trees of expressions cannot be evaluated, since it lets a lambda end at the first dot, but it knows the syntax.

const DECLARATIONS: Readonly<Record<string, string>> = {
  parameter_declaration: "param",
  variable_declaration: "var",
  resource_declaration: "resource",
  module_declaration: "module",
  output_declaration: "output",
};

const require = createRequire(import.meta.url);
const files = readdirSync(INFRA).filter((name) => name.endsWith(".bicep"));
const parser = { current: undefined as Parser | undefined };

before(async () => {
  await Parser.init();
  const wasm = join(dirname(require.resolve("tree-sitter-bicep/package.json")), "tree-sitter-bicep.wasm");
  parser.current = new Parser();
  parser.current.setLanguage(await Language.load(wasm));
});

function rootOf(source: string): Node {
  const tree = parser.current?.parse(source);
  assert.ok(tree);
  return tree.rootNode;
}

for (const file of files) {
  test(`${file} is Bicep, and both parsers find the same declarations in it`, () => {
    const source = readFileSync(join(INFRA, file), "utf8");
    const root = rootOf(source);
    assert.equal(root.hasError, false);
    const theirs = root.namedChildren.flatMap((node) => {
      const kind = node && DECLARATIONS[node.type];
      return kind ? [`${kind} ${node.namedChildren[0]?.text}`] : [];
    });
    assert.deepEqual(
      parseBicep(file, source).declarations.map(({ kind, name }) => `${kind} ${name}`),
      theirs,
    );
  });
}

test("there are templates, each short enough to be read", () => {
  assert.ok(files.length >= 10);
  for (const file of files) {
    const lines = readFileSync(join(INFRA, file), "utf8").trimEnd().split("\n");
    assert.ok(lines.length <= 400, `${file} has ${lines.length} lines`);
  }
});

test("the second reader notices what is not Bicep", () => {
  assert.equal(rootOf("resource a 'b@c' = {\n  name: \n}\n").hasError, true);
});
