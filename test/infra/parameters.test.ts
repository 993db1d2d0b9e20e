import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { ASSERTIONS } from "./assertions/index.ts";
import { parseBicep } from "./bicep/parser.ts";
import type { Expression, Parameter } from "./bicep/syntax.ts";
import type { Json } from "./bicep/values.ts";
import { evaluateCase, MANIFEST, VARIATIONS, type Variation } from "./cases.ts";
import { INFRA, parametersOf } from "./environments.ts";
import { checkShape, HAVE_SCHEMAS } from "./schemas.ts";

const declared = parseBicep("main.bicep", readFileSync(resolve(INFRA, "main.bicep"), "utf8")).declarations.filter(
  (declaration): declaration is Parameter => declaration.kind === "param",
);

/** Every value that a parameter may take, where they can be counted. */
function valuesOf({ type, decorators }: Parameter): Json[] {
  if (type.base === "bool") return [true, false];
  const allowed = decorators.find(({ name }) => name === "allowed")?.args[0];
  return allowed?.kind === "array" ? allowed.items.map(literal) : [];
}

function literal(expression: Expression): Json {
  return expression.kind === "literal" ? expression.value : assert.fail("an allowed value is a literal");
}

for (const parameter of declared) {
  for (const value of valuesOf(parameter)) {
    for (const environment of ["dev", "prod"] as const) {
      test(`${environment} with ${parameter.name} = ${JSON.stringify(value)} keeps every promise`, () => {
        const parameters = { ...parametersOf(environment), [parameter.name]: value };
        const one = evaluateCase({ name: "", parameters, manifest: MANIFEST });
        assert.deepEqual(
          ASSERTIONS.flatMap(({ check }) => check(one)),
          [],
        );
        if (HAVE_SCHEMAS) assert.deepEqual(one.evaluated.resources.flatMap(checkShape), []);
      });
    }
  }
}

function resourcesOf(variation: Variation): string {
  return JSON.stringify(evaluateCase(variation).evaluated.resources);
}

test("every parameter changes something that is deployed", () => {
  const idle = declared.filter(({ name }) => {
    return !VARIATIONS.some((variation) => {
      if (!(name in variation.parameters)) return false;
      const { [name]: _, ...without } = variation.parameters;
      // The first two have no fallback, so another value stands in for none.
      const parameters = name === "name" || name === "environmentName" ? { ...without, [name]: "other" } : without;
      return resourcesOf({ ...variation, parameters }) !== resourcesOf(variation);
    });
  });
  assert.deepEqual(
    idle.map(({ name }) => name),
    [],
  );
});

test("every parameter tells what it is for, or has a list of values that do", () => {
  const silent = declared.filter(({ decorators }) => decorators.length === 0).map(({ name }) => name);
  assert.deepEqual(silent, ["zoneRedundant"]);
});

test("parameter files name only parameters that there are, and leave none open", () => {
  const names = declared.map(({ name }) => name);
  const needed = declared.filter(({ fallback }) => fallback === undefined).map(({ name }) => name);
  for (const environment of ["dev", "prod"] as const) {
    const given = Object.keys(parametersOf(environment));
    assert.deepEqual(
      given.filter((name) => !names.includes(name)),
      [],
    );
    assert.deepEqual(
      needed.filter((name) => !given.includes(name)),
      [],
    );
  }
});

test("two environments in one group share no name", () => {
  const [dev, prod] = VARIATIONS.map((variation) => evaluateCase(variation).evaluated.resources);
  const ours = (resources: typeof dev) =>
    (resources ?? []).filter(
      ({ scopeId, type, name }) =>
        scopeId === undefined && !name.startsWith("privatelink.") && !type.endsWith("policyAssignments"),
    );
  const names = new Set(ours(dev).map(({ id }) => id));
  assert.deepEqual(
    ours(prod)
      .filter(({ id }) => names.has(id))
      .map(({ id }) => id),
    [],
  );
});

test("a manifest that asks for more gets more, with no other change", () => {
  const [dev] = VARIATIONS;
  assert.ok(dev);
  const [hub] = MANIFEST.hubs;
  assert.ok(hub);
  const more = {
    ...MANIFEST,
    hubs: [...MANIFEST.hubs, { ...hub, name: "fares", consumerGroups: ["fares", "fares-repair"] }],
  };
  const before = evaluateCase(dev).evaluated.resources.map(({ id }) => id);
  const added = evaluateCase({ ...dev, manifest: more }).evaluated.resources.filter(({ id }) => !before.includes(id));
  assert.deepEqual(
    added.map(({ name }) => name.split("/").slice(1).join("/")),
    ["fares", "fares/fares", "fares/fares-repair"],
  );
});
