import type { Check } from "../check.ts";
import { hubsCheck } from "./hubs.ts";
import { logsCheck } from "./logs.ts";
import { dnsCheck, reachCheck } from "./network.ts";
import { quotaCheck } from "./quota.ts";
import { rightsCheck, surplusCheck } from "./rights.ts";
import { settingsCheck } from "./settings.ts";
import { blobsCheck, clockCheck, cosmosCheck } from "./stores.ts";
import { functionsCheck, queuesCheck } from "./wakers.ts";

/** In the order in which one would look: what fails first explains what fails later. */
export const CHECKS: readonly Check[] = [
  settingsCheck,
  dnsCheck,
  reachCheck,
  rightsCheck,
  hubsCheck,
  cosmosCheck,
  blobsCheck,
  logsCheck,
  queuesCheck,
  functionsCheck,
  clockCheck,
  surplusCheck,
  quotaCheck,
];
