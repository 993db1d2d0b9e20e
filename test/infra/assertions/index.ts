import { APP } from "./app.ts";
import type { Assertion } from "./case.ts";
import { DATA } from "./data.ts";
import { IDENTITY_RULES } from "./identity.ts";
import { NETWORK } from "./network.ts";
import { OPERATION } from "./operation.ts";

/** Everything that must hold of every environment and of every variation. */
export const ASSERTIONS: readonly Assertion[] = [...NETWORK, ...IDENTITY_RULES, ...DATA, ...APP, ...OPERATION];
