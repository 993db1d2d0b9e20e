import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { TableCache } from "../../lib/engine/tables.ts";
import { type Table, table } from "../../lib/stream/table.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";

const Sensor = z.object({ code: z.string(), room: z.string() });
const MINUTE = 60_000;

/** A table whose source says how often it was asked, and that can be away. */
function source() {
  const world = new VirtualWorld(0);
  const state = { room: "hall", away: false, loads: 0 };
  const sensors = table("sensors", Sensor, {
    key: ({ code }) => code,
    refresh: "5m",
    from: {
      kind: "memory",
      target: { kind: "memory", name: "sensors" },
      open: () => ({
        load: async (known) => {
          state.loads++;
          if (state.away) throw new Error("the source is away");
          return known === state.room ? "unchanged" : { version: state.room, rows: [{ code: "a", room: state.room }] };
        },
      }),
    },
  }) as unknown as Table<unknown>;
  const cache = new TableCache(world, NO_CONNECTIONS);
  const room = () => (cache.of(sensors).rows.get("a") as z.infer<typeof Sensor>).room;
  return { world, state, sensors, room, refresh: () => cache.refresh([sensors]) };
}

test("a table is read once for all tasks, and looked at again when it is older than it should be", async () => {
  const { world, state, room, refresh } = source();
  await Promise.all([refresh(), refresh()]);
  assert.deepEqual([state.loads, room()], [1, "hall"]);
  state.room = "attic";
  world.moveTo(5 * MINUTE - 1);
  await refresh();
  assert.deepEqual([state.loads, room()], [1, "hall"]);
  world.moveTo(5 * MINUTE);
  await refresh();
  await refresh();
  assert.deepEqual([state.loads, room()], [2, "attic"]);
});

test("a table that cannot be read at first is tried again with the next batch", async () => {
  const { state, room, refresh } = source();
  state.away = true;
  await assert.rejects(refresh(), /the source is away/);
  state.away = false;
  await refresh();
  assert.equal(room(), "hall");
});

test("where its source is away later, the rows stay, and it is asked again after as long", async () => {
  const { world, state, room, refresh } = source();
  await refresh();
  state.away = true;
  world.moveTo(5 * MINUTE);
  await refresh();
  await refresh();
  assert.deepEqual([state.loads, room()], [2, "hall"]);
  Object.assign(state, { away: false, room: "attic" });
  world.moveTo(10 * MINUTE);
  await refresh();
  assert.equal(room(), "attic");
});
