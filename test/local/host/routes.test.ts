import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RouteTable } from "../../../lib/local/host/http/routes.ts";

describe("HTTP routes", () => {
  const table = new RouteTable<string>();
  table.add("api/orders/{*rest}", ["GET"], "rest");
  table.add("api/orders/{id}", ["GET"], "any id");
  table.add("api/orders/{id:int}", ["GET"], "number");
  table.add("api/orders/latest", ["GET"], "latest");
  table.add("api/orders/{id}", ["DELETE"], "delete");
  table.add("api/reports/{year?}", ["GET"], "report");

  const cases: readonly [string, string, string | undefined, Record<string, string>][] = [
    ["GET", "/api/orders/latest", "latest", {}],
    ["GET", "/API/Orders/latest", "latest", {}],
    ["GET", "/api/orders/17", "number", { id: "17" }],
    ["GET", "/api/orders/a%20b", "any id", { id: "a b" }],
    ["GET", "/api/orders/a/b/c", "rest", { rest: "a/b/c" }],
    ["DELETE", "/api/orders/17", "delete", { id: "17" }],
    ["POST", "/api/orders/17", undefined, {}],
    ["GET", "/api/reports", "report", {}],
    ["GET", "/api/reports/2024", "report", { year: "2024" }],
    ["GET", "/api/reports/2024/1", undefined, {}],
    ["GET", "/other", undefined, {}],
  ];
  for (const [method, path, target, params] of cases) {
    it(`${method} ${path} → ${target}`, () => {
      const found = table.find(method, path);
      assert.equal(found?.target, target);
      if (found !== undefined) assert.deepEqual(found.params, params);
    });
  }
});
