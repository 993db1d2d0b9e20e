// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the interpolation of Bicep
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Evaluated, evaluateProgram } from "./program.ts";
import type { Json } from "./values.ts";

const ACCOUNT = "Microsoft.Storage/storageAccounts@2025-08-01";
const BLOBS = "Microsoft.Storage/storageAccounts/blobServices@2025-08-01";
const LOCK = "Microsoft.Authorization/locks@2020-05-01";
const IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30";
const RULE = "Microsoft.EventHub/namespaces/authorizationRules@2024-01-01";

type Files = Readonly<Record<string, string>>;

function run(files: Files | string, parameters: Readonly<Record<string, Json>> = {}, allowUnused = false): Evaluated {
  const all: Files = typeof files === "string" ? { "main.bicep": files } : files;
  return evaluateProgram("main.bicep", parameters, {
    read: (path) => all[path] ?? assert.fail(`${path} is not there`),
    surroundings: { tenantId: "t", subscriptionId: "s", resourceGroup: "g", location: "westeurope" },
    types: new Set([ACCOUNT, BLOBS, LOCK, IDENTITY, RULE, "Microsoft.EventHub/namespaces@2026-01-01"]),
    allowUnused,
  });
}

/** The value of one expression, by way of an output. */
function resultOf(type: string, expression: string, before = ""): Json | undefined {
  return run(`${before}\noutput it ${type} = ${expression}\n`, {}, true).outputs.it;
}

const account = (name = "'a'", more = "") => `resource a '${ACCOUNT}' = {\n  name: ${name}\n${more}}\n`;

describe("values", () => {
  const VALUES: readonly (readonly [type: string, expression: string, expected: Json])[] = [
    ["int", "1 + 2 * 3 - -4", 11],
    ["int", "7 / 2", 3],
    ["bool", "true || (false && false)", true],
    ["bool", "1 + 1 == 2 && !(2 < 1) && 'a' != 'b'", true],
    ["int", "null ?? 5", 5],
    ["bool", "null ?? true ? false : true", false],
    ["string", "'${1 + 1}-${true}-${'in ${'side'}'}'", "2-True-in side"],
    ["string", "'a\\'b\\\\c\\n\\${d}\\u{1F30A}'", "a'b\\c\n${d}🌊"],
    ["string", "'''\nraw ${x}\nlines'''", "raw ${x}\nlines"],
    ["array", "[1, 2\n  3\n]", [1, 2, 3]],
    ["array", "[for i in range(2, 3): i * i]", [4, 9, 16]],
    ["array", "[for (c, i) in ['a', 'b']: '${c}${i}']", ["a0", "b1"]],
    ["array", "map(filter([1, 2, 3], n => n > 1 && n != 3), n => { n: n })", [{ n: 2 }]],
    ["array", "map(['a'], (x, i) => '${x}${i}')", ["a0"]],
    ["object", "toObject(['a', 'b'], k => k, k => length(k))", { a: 1, b: 1 }],
    ["object", "union({ a: { b: 1 }, c: 1 }, { a: { d: 2 } })", { a: { b: 1, d: 2 }, c: 1 }],
    ["array", "union([1, 2], [2, 3])", [1, 2, 3]],
    ["object", "{ a: null, 'b-c': 1 }", { "b-c": 1 }],
    ["bool", "contains({ a: 1 }, 'a') && contains([{ a: 1 }], { a: 1 }) && contains('abc', 'b')", true],
    ["int", "{ a: [{ b: 3 }] }.a[0].b", 3],
    ["bool", "{ a: 1 }.?b == null && { a: 1 }.?b.?c == null && { a: 1 }[?'z'] == null", true],
    ["string", "cidrSubnet('10.0.0.0/24', 26, 3)", "10.0.0.192/26"],
    ["string", "1 == 1\n  ? 'yes'\n  : 'no'", "yes"],
    ["string", "join(['a', 'b'], '/')", "a/b"],
    ["string", "string({ a: [1] })", '{"a":[1]}'],
    ["bool", "empty([]) && empty({}) && empty('') && !empty([1])", true],
    ["int", "indexOf(['a', 'b'], 'b')", 1],
  ];
  for (const [type, expression, expected] of VALUES) {
    test(`${expression.replaceAll("\n", "⏎")} is ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(resultOf(type, expression), expected);
    });
  }

  test("a string that looks unique is the same for the same input only", () => {
    const [one, two] = [resultOf("string", "uniqueString('a', 'b')"), resultOf("string", "uniqueString('a', 'c')")];
    assert.match(String(one), /^[a-z2-7]{13}$/);
    assert.equal(one, resultOf("string", "uniqueString('a', 'b')"));
    assert.notEqual(one, two);
  });

  test("files are read beside the template", () => {
    const evaluated = run({ "main.bicep": "output it int = loadJsonContent('a.json').n\n", "a.json": '{"n":4}' });
    assert.equal(evaluated.outputs.it, 4);
  });
});

describe("resources", () => {
  test("have the ids that Azure gives them", () => {
    const source = `${account()}resource b '${BLOBS}' = {\n  parent: a\n  name: 'default'\n}
resource l '${LOCK}' = {\n  scope: b\n  name: 'keep'\n}\n`;
    const group = "/subscriptions/s/resourceGroups/g/providers";
    const blobs = `${group}/Microsoft.Storage/storageAccounts/a/blobServices/default`;
    const ids = run(source).resources.map(({ id }) => id);
    assert.deepEqual(ids, [
      `${group}/Microsoft.Storage/storageAccounts/a`,
      blobs,
      `${blobs}/providers/Microsoft.Authorization/locks/keep`,
    ]);
  });

  test("are there once for each turn of a loop whose condition holds", () => {
    const source = `resource a '${ACCOUNT}' = [for i in range(0, 4): if (i != 2) {\n  name: 'a\${i}'\n}]\n`;
    assert.deepEqual(
      run(source).resources.map(({ name }) => name),
      ["a0", "a1", "a3"],
    );
  });

  test("lose properties that are null", () => {
    const [only] = run(account("'a'", "  properties: {\n    x: null\n    y: { z: null }\n  }\n")).resources;
    assert.deepEqual(only?.body, { properties: { y: {} } });
  });

  test("know what the service fills in, and only that", () => {
    const read = (path: string) => `${account()}output it string = a.properties.${path}\n`;
    assert.equal(run(read("primaryEndpoints.blob")).outputs.it, "https://a.blob.core.windows.net/");
    assert.throws(() => run(read("primaryEndpoint.blob")), /there is no property "primaryEndpoint"/);
  });

  test("of a module take its parameters and give outputs back", () => {
    const files = {
      "main.bicep":
        "module m 'sub/m.bicep' = {\n  name: 'm'\n  params: {\n    n: 'abc'\n  }\n}\noutput it string = m.outputs.id\n",
      "sub/m.bicep": `param n string\n${account("n")}output id string = a.id\n`,
    };
    const evaluated = run(files);
    assert.match(String(evaluated.outputs.it), /storageAccounts\/abc$/);
    assert.deepEqual(
      evaluated.allOutputs.map(({ file }) => file),
      ["sub/m.bicep", "main.bicep"],
    );
  });

  test("that exist already are referred to and not made", () => {
    const source = `resource a '${ACCOUNT}' existing = {\n  name: 'there'\n  scope: resourceGroup('other', 'far')\n}\noutput it string = a.id\n`;
    const { resources, outputs } = run(source);
    assert.equal(resources.length, 0);
    assert.match(String(outputs.it), /^\/subscriptions\/other\/resourceGroups\/far\/providers\//);
  });
});

/** Sources that Bicep, or Resource Manager, would refuse, and what the refusal says. */
const BROKEN: readonly (readonly [what: string, source: string, expected: RegExp])[] = [
  [
    "an unknown resource type",
    "resource a 'Microsoft.Storage/storageAcounts@2025-08-01' = {\n  name: 'a'\n}\n",
    /unknown type/,
  ],
  [
    "an unknown API version",
    "resource a 'Microsoft.Storage/storageAccounts@2020-01-01' = {\n  name: 'a'\n}\n",
    /unknown type/,
  ],
  [
    "a missing API version",
    "resource a 'Microsoft.Storage/storageAccounts' = {\n  name: 'a'\n}\n",
    /is not TYPE@API-VERSION/,
  ],
  ["an unknown parameter type", "param a strng\noutput b string = a\n", /unknown type "strng"/],
  ["two statements on a line", "param a string = 'x' param b string = 'y'\n", /a statement must end here/],
  ["two properties on a line", `${account("'a'", "  tags: {} kind: 'x'\n")}`, /need a comma/],
  ["two items on a line", "output a array = [1 2]\n", /need a comma/],
  ["a name that is declared twice", "var a = 1\nvar a = 2\noutput b int = a\n", /"a" is declared twice/],
  ["an output that is declared twice", "output b int = 1\noutput b int = 2\n", /output "b" is declared twice/],
  ["a property that is given twice", "output b object = { a: 1, a: 2 }\n", /property "a" is given twice/],
  ["a name that is not defined", "output b int = c\n", /"c" is not defined/],
  ["a loop variable outside its loop", "output b array = [for x in [1]: x]\noutput c int = x\n", /"x" is not defined/],
  ["a loop variable in what it runs over", "output b array = [for x in x: x]\n", /"x" is not defined/],
  ["an unknown function", "output b string = uniqString('a')\n", /unknown function "uniqString"/],
  ["an unknown method", `${account()}output b object = a.listSecrets()\n`, /unknown method "listSecrets"/],
  ["an unknown decorator", "@secret()\nparam a string\n", /unknown decorator/],
  ["a decorator on the line of its parameter", "@secure() param a string\n", /line of its own/],
  ["an unknown declaration", "resorce a 'b@c' = {}\n", /unknown declaration "resorce"/],
  ["a parameter that is never used", "param a string = ''\n", /"a" is never used/],
  ["a variable that is never used", "var a = 1\n", /"a" is never used/],
  [
    "an existing resource that is never used",
    `resource a '${ACCOUNT}' existing = {\n  name: 'a'\n}\n`,
    /"a" is never used/,
  ],
  ["a cycle of variables", "var a = b\nvar b = a\noutput c int = a\n", /cycle: a → b → a/],
  ["a resource that refers to itself", account("'a'", "  tags: { id: a.id }\n"), /cycle: a → a/],
  [
    "a cycle of modules",
    "module m 'm.bicep' = {\n  name: 'm'\n  params: { x: n.outputs.y }\n}\nmodule n 'm.bicep' = {\n  name: 'n'\n  params: { x: m.outputs.y }\n}\n",
    /cycle/,
  ],
  ["a parameter without a value", "param a string\noutput b string = a\n", /"a" needs a value/],
  ["a value of another type", "param a int = 'x'\noutput b int = a\n", /"a" must be int/],
  ["an output of another type", "output b int = 'x'\n", /"b" must be int/],
  [
    "a value that is not allowed",
    "@allowed(['x', 'y'])\nparam a string = 'z'\noutput b string = a\n",
    /"a" may not be "z"/,
  ],
  ["a value that is too small", "@minValue(3)\nparam a int = 2\noutput b int = a\n", /"a" must be at least 3/],
  [
    "a string that is too long",
    "@maxLength(2)\nparam a string = 'abc'\noutput b string = a\n",
    /"a" must have at most 2/,
  ],
  ["a property that is not there", "output b int = { a: 1 }.b\n", /there is no property "b"/],
  ["an element that is not there", "output b int = [1][1]\n", /there is no element 1/],
  ["a text as a condition", `resource a '${ACCOUNT}' = if ('x') {\n  name: 'a'\n}\n`, /a condition must be bool/],
  ["a number as a truth", "output b bool = 1 && true\n", /expected bool but found int/],
  ["a text as a number", "output b int = 'a' + 1\n", /expected int but found string/],
  ["an object in a string", "output b string = '${ { a: 1 } }'\n", /object cannot stand inside a string/],
  ["a loop over a text", "output b array = [for x in 'abc': x]\n", /a loop runs over an array/],
  ["a resource as a value", `${account()}output b object = a\n`, /a resource is not a value/],
  [
    "a child without its parent",
    `resource b '${BLOBS}' = {\n  name: 'default'\n}\n`,
    /needs a parent or a name of 2 segments/,
  ],
  [
    "a parent of another type",
    `resource l '${IDENTITY}' = {\n  name: 'l'\n}\nresource b '${BLOBS}' = {\n  parent: l\n  name: 'd'\n}\n`,
    /the parent of .* must be a/,
  ],
  ["a resource without a name", `resource a '${ACCOUNT}' = {\n  location: 'x'\n}\n`, /"name" is missing/],
  ["a property that resources do not have", account("'a'", "  propertys: {}\n"), /"propertys" is not a property here/],
  ["an empty name", account("''"), /a name must be a string that is not empty/],
  ["two resources with one id", `${account()}resource b '${ACCOUNT}' = {\n  name: 'A'\n}\n`, /is declared twice/],
  [
    "a name made of what is not known yet",
    `resource i '${IDENTITY}' = {\n  name: 'i'\n}\n${account("i.properties.principalId")}`,
    /not known when names and conditions are computed/,
  ],
  [
    "a condition on what is not known yet",
    `resource i '${IDENTITY}' = {\n  name: 'i'\n}\nvar p = i.properties.clientId\nresource a '${ACCOUNT}' = if (p == '') {\n  name: 'a'\n}\n`,
    /not known when names and conditions are computed/,
  ],
  [
    "a property of what is not deployed",
    `resource i '${IDENTITY}' = if (1 == 2) {\n  name: 'i'\n}\noutput b string = i.properties.clientId\n`,
    /is not deployed here/,
  ],
  ["a key of what has none", `${account()}output b object = a.listKeys()\n`, /listKeys\(\) of .* is not expected/],
  ["a string without an end", "output b string = 'abc\n", /a string does not end/],
  ["a comment without an end", "/* output b int = 1\n", /a block comment does not end/],
  ["a character that means nothing", "output b int = 1 ; 2\n", /unexpected character/],
  ["a missing bracket", "output b array = [1\n", /expected a value/],
  ["a comparison of two texts", "output b bool = 'a' < 'b'\n", /expected int but found string/],
  ["a subnet outside its network", "output b string = cidrSubnet('10.0.0.0/25', 26, 2)\n", /leaves 10.0.0.0\/25/],
  [
    "an argument that no parameter takes",
    "module m 'm.bicep' = {\n  name: 'm'\n  params: { z: 1 }\n}\n",
    /there is no parameter "z"/,
  ],
  [
    "two modules with one name",
    "module m 'e.bicep' = {\n  name: 'm'\n}\nmodule n 'e.bicep' = {\n  name: 'm'\n}\n",
    /two modules are named "m"/,
  ],
  ["a dependency on a value", account("'a'", "  dependsOn: ['b']\n"), /dependsOn lists resources and modules/],
  ["an operator that Bicep has not", "output b int = 1 ** 2\n", /expected a value/],
  [
    "two logical operators without parentheses",
    "output b bool = true || false && false\n",
    /"&&" beside "\|\|" needs parentheses/,
  ],
  [
    "a nested resource",
    account("'a'", `  resource b 'blobServices@2025-08-01' = {\n    name: 'x'\n  }\n`),
    /expected ":"/,
  ],
];

describe("what is broken is refused:", () => {
  const modules = { "m.bicep": "param x string\noutput y string = x\n", "e.bicep": "output y int = 1\n" };
  for (const [what, source, expected] of BROKEN) {
    test(what, () => assert.throws(() => run({ "main.bicep": source, ...modules }), expected));
  }

  test("with the file and the line", () => {
    assert.throws(() => run("var a = 1\n\noutput b int = a + c\n"), /^BicepError: main\.bicep:3: /);
  });

  test("by no accident: every broken source differs from a good one by its fault alone", () => {
    assert.doesNotThrow(() => run(`${account("'a'", "  tags: {}\n")}output b string = a.id\n`));
    assert.doesNotThrow(() =>
      run({ "main.bicep": "module m 'm.bicep' = {\n  name: 'm'\n  params: { x: 'v' }\n}\n", ...modules }),
    );
  });
});
