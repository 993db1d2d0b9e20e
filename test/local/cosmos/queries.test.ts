import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Container, FeedOptions, SqlParameter } from "@azure/cosmos";
import { type Fixture, failure, startFixture } from "./fixture.ts";

const items = [
  { id: "1", pk: "a", n: 3, name: "Ada", tags: ["x", "y"], at: { city: "Oslo", zip: 1 }, on: true },
  { id: "2", pk: "a", n: 1, name: "bob", tags: ["y"], at: { city: "Rome" }, on: false },
  { id: "3", pk: "b", n: 2.5, name: "Cyd", tags: [], at: { city: "Oslo" }, note: null },
  { id: "4", pk: "b", n: -1, name: "Dan_%", tags: ["x", "z", "z"], kids: [{ n: 1 }, { n: 2 }] },
  { id: "5", pk: "c", n: "7", name: "Eva" },
];

describe("queries", () => {
  let fixture: Fixture;
  let container: Container;

  before(async () => {
    fixture = await startFixture();
    container = fixture.container("q");
    for (const item of items) await container.items.create(item);
  });
  after(() => fixture[Symbol.asyncDispose]());

  async function run(query: string, parameters: Record<string, unknown> = {}, options: FeedOptions = {}) {
    const list = Object.entries(parameters).map(([name, value]) => ({ name, value }) as SqlParameter);
    return (await container.items.query({ query, parameters: list }, options).fetchAll()).resources;
  }
  const ids = async (where: string, parameters: Record<string, unknown> = {}) =>
    (await run(`SELECT VALUE c.id FROM c WHERE ${where}`, parameters)).join("");

  const filters: readonly (readonly [where: string, ids: string, parameters?: Record<string, unknown>])[] = [
    ["c.n > 1", "13"],
    ["c.n >= 1 AND c.n < 3", "23"],
    ["1 < c.n", "13"],
    ["c.n = 2.5 OR c.n = -1", "34"],
    ["c.n != 1", "1345"],
    ["NOT (c.n > 1)", "24"],
    ["c.n BETWEEN 1 AND 3", "123"],
    ["c.n NOT BETWEEN 1 AND 3", "4"],
    ["c.n IN (1, 3, '7')", "125"],
    ["c.name NOT IN ('Ada', 'bob')", "345"],
    ["c.pk = 'a'", "12"],
    ["c.pk = @pk AND c.id = @id", "3", { "@pk": "b", "@id": "3" }],
    ["c.id IN ('1', '5')", "15"],
    ["c.pk = 'a' AND c.pk = 'b'", ""],
    ["c.at.city = 'Oslo'", "13"],
    ["c['at']['city'] = \"Rome\"", "2"],
    ["c.tags[0] = 'x'", "14"],
    ["c.kids[1].n = 2", "4"],
    ["c.at.zip > 0", "1"],
    ["c.on", "1"],
    ["c.on = false", "2"],
    ["c.n = true", ""],
    ["c.note = null", "3"],
    ["c.note != null", ""],
    ["c.name != null", "12345"],
    ["IS_NULL(c.note)", "3"],
    ["IS_DEFINED(c.note)", "3"],
    ["NOT IS_DEFINED(c.at)", "45"],
    ["c.nothing = undefined", ""],
    ["c.missing > 1 OR c.id = '2'", "2"],
    ["c.missing > 1 AND c.id = '2'", ""],
    ["STARTSWITH(c.name, 'A')", "1"],
    ["STARTSWITH(c.name, 'B', true)", "2"],
    ["ENDSWITH(c.name, 'd')", "3"],
    ["CONTAINS(c.name, 'v')", "5"],
    ["contains(c.name, 'A', true)", "145"],
    ["LOWER(c.name) = 'ada'", "1"],
    ["UPPER(c.name) = 'BOB'", "2"],
    ["LENGTH(c.name) = 5", "4"],
    ["SUBSTRING(c.name, 1, 2) = 'da'", "1"],
    ["INDEX_OF(c.name, 'd') = 1", "1"],
    ["CONCAT(c.pk, '-', c.id) = 'b-4'", "4"],
    ["c.pk || c.id = 'c5'", "5"],
    ["REPLACE(c.name, 'a', 'o') = 'Evo'", "5"],
    ["REGEXMATCH(c.name, '^[a-c]', 'i')", "123"],
    ["ARRAY_CONTAINS(c.tags, 'x')", "14"],
    ["ARRAY_CONTAINS(c.kids, { n: 2 })", "4"],
    ["ARRAY_CONTAINS(@some, c.name)", "25", { "@some": ["bob", "Eva"] }],
    ["ARRAY_LENGTH(c.tags) = 0", "3"],
    ["IS_NUMBER(c.n)", "1234"],
    ["IS_STRING(c.n)", "5"],
    ["IS_ARRAY(c.kids)", "4"],
    ["IS_OBJECT(c.at)", "123"],
    ["IS_BOOL(c.on)", "12"],
    ["ABS(c.n) = 1", "24"],
    ["ROUND(c.n) = 3", "13"],
    ["FLOOR(c.n) = 2", "3"],
    ["CEILING(c.n) = 3", "13"],
    ["c.n + 1 = 2", "2"],
    ["c.n * 2 = 5", "3"],
    ["c.n % 2 = 1", "12"],
    ["-c.n = 1", "4"],
    ["c.n / 0 = 1", ""],
    ["(c.n > 1 ? 'high' : 'low') = 'high'", "13"],
    ["(c.note ?? 'none') = 'none'", "1245"],
    ["IIF(c.on, 1, 2) = 1", "1"],
    ["c.name LIKE 'A%'", "1"],
    ["c.name LIKE '_o_'", "2"],
    ["c.name LIKE '[AE]%'", "15"],
    ["c.name NOT LIKE '%a%'", "23"],
    ["c.name LIKE '%!_!%' ESCAPE '!'", "4"],
    ["EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = 'z')", "4"],
    ["EXISTS(SELECT VALUE k FROM k IN c.kids WHERE k.n > 5)", ""],
    ["c.n > '5'", "5"],
    ["c.name > 'Cyd'", "245"],
    ["c._ts > 0 AND c._etag != ''", "12345"],
    ["DateTimeDiff('day', '2024-01-01T00:00:00Z', '2024-03-01T00:00:00Z') = 60 AND c.n = 1", "2"],
  ];
  for (const [where, expected, parameters] of filters) {
    it(`finds ${expected || "nothing"} where ${where}`, async () => {
      assert.equal(await ids(where, parameters), expected);
    });
  }

  const wholes: readonly (readonly [query: string, results: unknown[]])[] = [
    ["SELECT VALUE 1", [1]],
    ["SELECT c.id, c.n AS amount FROM c WHERE c.id = '1'", [{ id: "1", amount: 3 }]],
    ["SELECT c.at.city, c.n + 1 FROM c WHERE c.id = '1'", [{ city: "Oslo", $1: 4 }]],
    ["SELECT c.note, c.missing FROM c WHERE c.id IN ('3', '5')", [{ note: null }, {}]],
    ["SELECT VALUE c.note FROM c", [null]],
    ["SELECT VALUE { id: c.id, 'all': [c.n, c.on] } FROM c WHERE c.id = '2'", [{ id: "2", all: [1, false] }]],
    ["SELECT VALUE x.name FROM items AS x WHERE x.id = '1'", ["Ada"]],
    ["SELECT VALUE root.name FROM root WHERE root.id = '1'", ["Ada"]],
    ["SELECT VALUE c.id FROM c ORDER BY c.n", ["4", "2", "3", "1", "5"]],
    ["SELECT VALUE c.id FROM c ORDER BY c.n DESC", ["5", "1", "3", "2", "4"]],
    ["SELECT VALUE c.id FROM c ORDER BY c.on, c.id DESC", ["5", "4", "3", "2", "1"]],
    ["SELECT VALUE c.id FROM c ORDER BY c.pk DESC, c.n ASC", ["5", "4", "3", "2", "1"]],
    ["SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 1 LIMIT 2", ["2", "3"]],
    ["SELECT VALUE c.id FROM c OFFSET 3 LIMIT 10", ["4", "5"]],
    ["SELECT TOP 2 c.id FROM c ORDER BY c.id DESC", [{ id: "5" }, { id: "4" }]],
    ["SELECT TOP 1 VALUE c.id FROM c", ["1"]],
    ["SELECT DISTINCT VALUE c.pk FROM c", ["a", "b", "c"]],
    ["SELECT DISTINCT c.at.city FROM c WHERE IS_DEFINED(c.at)", [{ city: "Oslo" }, { city: "Rome" }]],
    ["SELECT DISTINCT VALUE c.pk FROM c ORDER BY c.pk DESC", ["c", "b", "a"]],
    ["SELECT VALUE COUNT(1) FROM c", [5]],
    ["SELECT VALUE COUNT(1) FROM c WHERE c.pk = 'a'", [2]],
    ["SELECT VALUE COUNT(c.note) FROM c", [1]],
    ["SELECT VALUE SUM(c.n) FROM c WHERE IS_NUMBER(c.n)", [5.5]],
    ["SELECT VALUE SUM(c.n) FROM c", []],
    [
      "SELECT COUNT(1) AS n, AVG(c.n) AS mean, MIN(c.n) AS low, MAX(c.n) AS high FROM c WHERE c.pk = 'a'",
      [{ n: 2, mean: 2, low: 1, high: 3 }],
    ],
    ["SELECT COUNT(1) AS n, MAX(c.n) AS high FROM c WHERE c.pk = 'none'", [{ n: 0 }]],
    ["SELECT VALUE MAX(c.name) FROM c", ["bob"]],
    [
      "SELECT c.pk, COUNT(1) AS n, SUM(c.n) AS total FROM c WHERE IS_NUMBER(c.n) GROUP BY c.pk",
      [
        { pk: "a", n: 2, total: 4 },
        { pk: "b", n: 2, total: 1.5 },
      ],
    ],
    [
      "SELECT COUNT(1) AS n, UPPER(c.pk) AS key FROM c GROUP BY UPPER(c.pk) ORDER BY COUNT(1) DESC, UPPER(c.pk)",
      [
        { n: 2, key: "A" },
        { n: 2, key: "B" },
        { n: 1, key: "C" },
      ],
    ],
    ["SELECT VALUE AVG(c.n) + 1 FROM c WHERE c.pk = 'a' GROUP BY c.pk", [3]],
    [
      "SELECT c.id, t FROM c JOIN t IN c.tags WHERE c.pk = 'a'",
      [
        { id: "1", t: "x" },
        { id: "1", t: "y" },
        { id: "2", t: "y" },
      ],
    ],
    [
      "SELECT VALUE { id: c.id, pair: CONCAT(s, t) } FROM c JOIN s IN c.tags JOIN t IN c.tags WHERE c.id = '1' AND s < t",
      [{ id: "1", pair: "xy" }],
    ],
    ["SELECT VALUE t FROM t IN c.tags", ["x", "y", "y", "x", "z", "z"]],
    ["SELECT DISTINCT VALUE t FROM c JOIN t IN c.tags", ["x", "y", "z"]],
    [
      "SELECT t AS tag, COUNT(1) AS n FROM c JOIN t IN c.tags GROUP BY t",
      [
        { tag: "x", n: 2 },
        { tag: "y", n: 2 },
        { tag: "z", n: 2 },
      ],
    ],
    ["SELECT * FROM c.at", [{ city: "Oslo", zip: 1 }, { city: "Rome" }, { city: "Oslo" }]],
    ["SELECT VALUE (SELECT VALUE COUNT(1) FROM t IN c.tags) FROM c WHERE c.pk = 'b'", [0, 3]],
    ["SELECT c.id, ARRAY(SELECT VALUE k.n FROM k IN c.kids) AS ns FROM c WHERE c.id = '4'", [{ id: "4", ns: [1, 2] }]],
    [
      "SELECT VALUE [ROUND(2.5), ROUND(-2.5), ROUND(1.256, 2), SQRT(9), POWER(2, 10), TRUNC(-1.7), SIGN(-4)]",
      [[3, -3, 1.26, 3, 1024, -1, -1]],
    ],
    [
      "SELECT VALUE [LEFT('abc', 2), RIGHT('abc', 2), TRIM(' a '), REVERSE('abc'), REPLICATE('ab', 2), ToString(1)]",
      [["ab", "bc", "a", "cba", "abab", "1"]],
    ],
    [
      "SELECT VALUE [ARRAY_CONCAT([1], [2]), ARRAY_SLICE([1, 2, 3], 1), SetUnion([1], [1, 2]), SetIntersect([1, 2], [2])]",
      [[[1, 2], [2, 3], [1, 2], [2]]],
    ],
    ["SELECT VALUE DateTimeAdd('mm', 1, '2024-01-15T00:00:00.0000000Z')", ["2024-02-15T00:00:00.0000000Z"]],
    ["SELECT VALUE 1 + 2 * 3 - 8 / 4", [5]],
    ["SELECT VALUE 6 & 3 | 8", [10]],
    ['SELECT VALUE "it\'s \\"so\\"" -- and a comment', ['it\'s "so"']],
  ];
  for (const [query, expected] of wholes) {
    it(query, async () => assert.deepEqual(await run(query), expected));
  }

  it("returns whole items with their system properties", async () => {
    const [item] = await run("SELECT * FROM c WHERE c.id = '1'");
    const { _rid, _self, _etag, _attachments, _ts, ...own } = item;
    assert.deepEqual(own, items[0]);
    assert.ok(_rid && _self && _etag && _attachments && _ts);
  });

  it("keeps to the partition key of the options", async () => {
    assert.deepEqual(await run("SELECT VALUE c.id FROM c", {}, { partitionKey: "b" }), ["3", "4"]);
    assert.deepEqual(await run("SELECT VALUE c.id FROM c WHERE c.pk = 'a'", {}, { partitionKey: "b" }), []);
    assert.deepEqual(await run("SELECT VALUE COUNT(1) FROM c", {}, { partitionKey: "b" }), [2]);
  });

  it("runs with a query plan when the client insists on one", async () => {
    assert.deepEqual(await run("SELECT VALUE c.id FROM c WHERE c.n > 0", {}, { forceQueryPlan: true }), [
      "1",
      "2",
      "3",
    ]);
  });

  for (const query of [
    "SELECT VALUE c.id FROM c",
    "SELECT VALUE c.id FROM c ORDER BY c.n DESC",
    "SELECT VALUE c.id FROM c OFFSET 1 LIMIT 3",
    "SELECT TOP 3 VALUE c.id FROM c",
    "SELECT DISTINCT VALUE c.pk FROM c",
    "SELECT VALUE t FROM c JOIN t IN c.tags",
    "SELECT * FROM c WHERE c.n > 0",
  ]) {
    it(`gives the same in pages of one, with tokens handed to a new iterator: ${query}`, async () => {
      const whole = await run(query);
      const paged: unknown[] = [];
      let continuationToken: string | undefined;
      do {
        const options: FeedOptions = { maxItemCount: 1, ...(continuationToken && { continuationToken }) };
        const page = await container.items.query(query, options).fetchNext();
        assert.ok(page.resources.length <= 1);
        paged.push(...page.resources);
        continuationToken = page.continuationToken;
      } while (continuationToken);
      assert.deepEqual(paged, whole);
    });
  }

  it("names what it refuses", async () => {
    const refusals: readonly (readonly [string, string, RegExp])[] = [
      ["SELECT * FROM c WHER c.n = 1", "400", /incorrect syntax near 'c'/],
      ["SELECT * FROM c WHERE", "400", /end of the query/],
      ["SELECT * FROM c WHERE d.n = 1", "400", /Identifier 'd' could not be resolved/],
      ["SELECT VALUE FOO(c.n) FROM c", "400", /'FOO' is not a recognized built-in function/],
      ["SELECT VALUE ABS(1, 2) FROM c", "400", /ABS function takes 1/],
      ["SELECT * FROM c JOIN t IN c.tags", "400", /SELECT \*/],
      ["SELECT VALUE c.n FROM c WHERE COUNT(1) > 1", "400", /COUNT/],
      ["SELECT TOP 'x' VALUE c.n FROM c", "400", /TOP/],
      ["SELECT VALUE udf.tax(c.n) FROM c", "501", /udf\.tax/],
      ["SELECT VALUE VectorDistance(c.v, [1]) FROM c", "501", /VectorDistance/],
    ];
    for (const [query, code, message] of refusals) {
      const call = container.items.query(query).fetchAll();
      assert.equal(await failure(call), code, query);
      await assert.rejects(call, message);
    }
  });

  it("reads every item, and lists and filters containers and databases", async () => {
    assert.equal((await container.items.readAll().fetchAll()).resources.length, 5);
    const database = fixture.client.database("db");
    assert.deepEqual(
      (await database.containers.readAll().fetchAll()).resources.map(({ id }) => id),
      ["q"],
    );
    const byId = { query: "SELECT * FROM root r WHERE r.id = @id", parameters: [{ name: "@id", value: "db" }] };
    assert.equal((await fixture.client.databases.query(byId).fetchAll()).resources.length, 1);
  });
});
