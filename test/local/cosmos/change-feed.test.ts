import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ChangeFeedIteratorOptions,
  ChangeFeedMode,
  ChangeFeedStartFrom,
  type Container,
  PartitionKeyBuilder,
} from "@azure/cosmos";
import { failure, startFixture } from "./fixture.ts";

/** Reads until there is nothing new; gives the ids and the token to go on with. */
async function drain(container: Container, options: ChangeFeedIteratorOptions) {
  const iterator = container.items.getChangeFeedIterator(options);
  const ids: string[] = [];
  let pages = 0;
  for (;;) {
    const page = await iterator.readNext();
    if (page.statusCode === 304) return { ids, pages, token: page.continuationToken };
    pages += 1;
    ids.push(...page.result.map(({ id }: { id: string }) => id));
  }
}

describe("the change feed", () => {
  it("shows every item once, at its latest change, in the order of changes", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("feed");
    for (const id of ["1", "2", "3", "4"]) await container.items.create({ id, pk: id < "3" ? "a" : "b" });
    await container.items.upsert({ id: "1", pk: "a", again: true });
    await container.item("3", "b").delete();
    const whole = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(), maxItemCount: 2 });
    assert.deepEqual(whole.ids, ["2", "4", "1"]);
    assert.equal(whole.pages, 2);
    const ofKey = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning("a") });
    assert.deepEqual(ofKey.ids, ["2", "1"]);
    await container.items.create({ id: "5", pk: "a" });
    const next = { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(whole.token) };
    assert.deepEqual((await drain(container, next)).ids, ["5"]);
    const nextOfKey = { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(ofKey.token) };
    assert.deepEqual((await drain(container, nextOfKey)).ids, ["5"]);
  });

  it("begins now, or at a time", async () => {
    let now = 1_700_000_000_000;
    await using fixture = await startFixture({ clock: () => now });
    const container = fixture.container("feed");
    await container.items.create({ id: "early", pk: "a" });
    const fromNow = container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Now() });
    assert.equal((await fromNow.readNext()).statusCode, 304);
    now += 60_000;
    await container.items.create({ id: "late", pk: "a" });
    assert.deepEqual(
      (await fromNow.readNext()).result.map(({ id }: { id: string }) => id),
      ["late"],
    );
    const time = new Date(now - 1000);
    const fromTime = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Time(time) });
    assert.deepEqual(fromTime.ids, ["late"]);
  });

  it("follows the beginning of a hierarchical key", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("feed", "/tenant", "/user");
    for (let n = 0; n < 40; n++)
      await container.items.create({ id: `${n}`, tenant: `a tenant with a long name, ${n % 4}`, user: n });
    const key = new PartitionKeyBuilder().addValue("a tenant with a long name, 1").build();
    const { ids } = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(key) });
    assert.deepEqual(
      ids,
      Array.from({ length: 10 }, (_, n) => `${4 * n + 1}`),
    );
  });

  it("keeps its place when the server starts again and the latest item was deleted", async (context) => {
    const { mkdtemp, rm } = await import("node:fs/promises");
    const folder = await mkdtemp("cosmos-feed-");
    context.after(() => rm(folder, { recursive: true }));
    const dataFile = `${folder}/data.sqlite`;
    let token: string;
    {
      await using fixture = await startFixture({ dataFile });
      const container = fixture.container("feed");
      await container.items.create({ id: "1", pk: "a" });
      await container.items.create({ id: "2", pk: "a" });
      ({ token } = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning() }));
      await container.item("2", "a").delete();
    }
    await using fixture = await startFixture({ dataFile });
    const container = fixture.container("feed");
    await container.items.create({ id: "3", pk: "a" });
    const next = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(token) });
    assert.deepEqual(next.ids, ["3"]);
  });

  it("refuses all versions and deletes", async () => {
    await using fixture = await startFixture();
    const container = fixture.container("feed");
    const options = {
      changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
      changeFeedStartFrom: ChangeFeedStartFrom.Now(),
    };
    assert.equal(await failure(container.items.getChangeFeedIterator(options).readNext()), "501");
  });
});
