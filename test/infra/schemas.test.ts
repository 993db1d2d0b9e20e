import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateCase, VARIATIONS } from "./cases.ts";
import { checkShape, HAVE_SCHEMAS, SCHEMAS } from "./schemas.ts";

const skip = HAVE_SCHEMAS ? false : `no schemas of Azure's resource types in ${SCHEMAS}`;
if (skip) console.log(`Skipped: ${skip}`);

for (const variation of VARIATIONS) {
  test(`every resource of "${variation.name}" has the shape that its provider publishes`, { skip }, () => {
    const { resources } = evaluateCase(variation).evaluated;
    assert.deepEqual(resources.flatMap(checkShape), []);
  });
}

const FAULTS: readonly (readonly [what: string, file: string, from: string, to: string, expected: RegExp])[] = [
  [
    "a property that no type has",
    "storage.bicep",
    "accessTier: 'Hot'",
    "accesTier: 'Hot'",
    /additional properties.*accesTier/,
  ],
  ["a value that is not listed", "storage.bicep", "'TLS1_2'", "'TLS12'", /minimumTlsVersion must be one of/],
  [
    "a property that only the service may set",
    "identity.bicep",
    "  tags: tags\n}",
    "  tags: tags\n  properties: {\n    clientId: 'x'\n  }\n}",
    /clientId/,
  ],
  [
    "a number as a text",
    "hub.bicep",
    "partitionCount: hub.partitions",
    "partitionCount: '4'",
    /partitionCount must be integer/,
  ],
  ["a missing property", "monitoring.bicep", "groupShortName: 'tidemark'\n", "", /groupShortName/],
  [
    "the routing of other plans",
    "app.bicep",
    "outboundVnetRouting: inNetwork ? { allTraffic: true } : null",
    "vnetRouteAllEnabled: true",
    /vnetRouteAllEnabled/,
  ],
];

for (const [what, file, from, to, expected] of FAULTS) {
  test(`the shapes notice ${what}`, { skip }, () => {
    const [, prod] = VARIATIONS;
    assert.ok(prod);
    const one = evaluateCase(prod, (path, text) => {
      if (path !== file) return text;
      assert.ok(text.includes(from));
      return text.replaceAll(from, to);
    });
    assert.match(one.evaluated.resources.flatMap(checkShape).join("\n"), expected);
  });
}
