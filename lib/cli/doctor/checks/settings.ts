import type { Environment } from "../../../azure/settings.ts";
import { messageOf } from "../../../errors.ts";
import type { Manifest } from "../../infra/manifest.ts";
import { type Check, type Finding, good, problem } from "../check.ts";
import { settingsOf } from "../settings-of.ts";

/** Flex Consumption refuses these, or quietly does without. */
const FORBIDDEN =
  /^(FUNCTIONS_(WORKER_RUNTIME|EXTENSION_VERSION)|WEBSITE_(RUN_FROM_PACKAGE|CONTENTSHARE|CONTENTAZUREFILECONNECTIONSTRING|TIME_ZONE|MAX_DYNAMIC_APPLICATION_SCALE_OUT)|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|TZ)$/;

/** Are the settings there that the app reads, and none that it must not have? */
export const settingsCheck: Check = {
  name: "settings",
  run: async ({ manifest, environment, deployed }) => {
    if (!deployed) return checkConnections(manifest, environment, "Write it into local.settings.json.");
    const missing = manifest.settings.filter(({ name }) => !deployed.settings[name]).map(({ name }) => name);
    const wrong = Object.keys(deployed.settings).filter((name) => FORBIDDEN.test(name));
    return [
      // A setting that is missing is named once.
      ...(missing.length > 0 ? [] : checkConnections(manifest, environment, DEPLOY)),
      ...missing.map((name) => problem(`${name} is not set in the function app.`, DEPLOY)),
      ...wrong.map((name) =>
        problem(`${name} is set, and Flex Consumption does not take it.`, "Delete it from the function app."),
      ),
    ];
  },
};

const DEPLOY = "Deploy the infrastructure: azd provision.";

/** Reads the settings as the app does, which lists everything that is wrong with them. */
function checkConnections(manifest: Manifest, environment: Environment, fix: string): Finding[] {
  try {
    settingsOf(manifest, environment);
    return [good("Every connection that the functions use is set.")];
  } catch (thrown) {
    const lines = messageOf(thrown)
      .split("\n")
      .filter((line) => line.startsWith("- "));
    return lines.map((line) => problem(line.slice(2), fix));
  }
}
