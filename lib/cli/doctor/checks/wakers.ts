import type { Manifest } from "../../infra/manifest.ts";
import { type Check, type Context, type Finding, good, problem } from "../check.ts";
import type { DeployedFunction } from "../deployed.ts";
import { hostOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

const RIGHT = "the role Storage Queue Data Reader on the queue";

/** Are the queues there, and was no wake-up given up? */
export const queuesCheck: Check = {
  name: "queues",
  run: async (context) => {
    const found = await Promise.all(context.manifest.queues.map((queue) => checkQueue(context, queue)));
    return found.filter((finding) => finding !== undefined);
  },
};

type Queue = Manifest["queues"][number];

async function checkQueue(
  { connections, settings, deployed }: Context,
  { name, connection, purpose }: Queue,
): Promise<Finding | undefined> {
  if (!connections) return undefined;
  const what = `Queue ${name}`;
  try {
    const client = (await connections.queues(connection)).getQueueClient(name);
    const { approximateMessagesCount: waiting = 0 } = await client.getProperties();
    if (purpose !== "poison") return good(`${what} is there; ${purpose} under way: ${waiting}.`);
    if (waiting === 0) return good(`${what} is empty.`);
    return problem(
      `${what} is not empty; wake-ups that were given up: ${waiting}.`,
      "The sweep went on without them: look for their errors in the log, then clear the queue.",
    );
  } catch (thrown) {
    // Locally, the app and its host make queues when they need them.
    const absent = (thrown as { statusCode?: unknown }).statusCode === 404;
    if (absent && !deployed) return good(`${what} comes with the first message.`);
    return explain(thrown, what, hostOf(settings, connection, "Queue Storage"), RIGHT);
  }
}

/** Are the functions published under their names, with the triggers and the schedules that the manifest knows? */
export const functionsCheck: Check = {
  name: "functions",
  run: async ({ manifest, deployed, environment }) => {
    if (!deployed) return checkTimers(manifest, environment);
    if (deployed.functions.size === 0) {
      return [problem("The app holds no functions yet.", "Publish them: azd deploy.")];
    }
    return manifest.functions.map((one) => checkFunction(one, deployed.functions.get(one.name)));
  },
};

/** Where the host keeps that a timer is taken and when it came last. */
const TIMER_STORE = "AzureWebJobsStorage";

function checkTimers({ functions }: Manifest, environment: Context["environment"]): Finding[] {
  const timers = functions.filter(({ trigger }) => trigger === "timer");
  // By a connection string, or by settings for an identity.
  const isSet = Object.keys(environment).some((name) => name.split("__")[0] === TIMER_STORE && environment[name]);
  return timers.map((timer) =>
    isSet
      ? good(describeFunction(timer))
      : problem(
          `Timer ${timer.name} cannot start: ${TIMER_STORE} is not set.`,
          'Set it in local.settings.json; "UseDevelopmentStorage=true" is the local storage.',
        ),
  );
}

function checkFunction(wanted: Manifest["functions"][number], there: DeployedFunction | undefined): Finding {
  const { name } = wanted;
  if (!there) return problem(`Function ${name} is not in the app.`, "Publish it: azd deploy.");
  if (there.disabled) {
    return problem(`Function ${name} is disabled.`, `Delete the setting AzureWebJobs.${name}.Disabled.`);
  }
  for (const [what, value] of bindingOf(wanted)) {
    const found = there.binding[what];
    if (found === undefined || found === value) continue;
    return problem(
      `Function ${name} is published with ${what} "${found}", and the manifest says "${value}".`,
      "Run `npm run infra`, deploy the infrastructure and publish again, so that both come from the same source.",
    );
  }
  return good(describeFunction(wanted));
}

/** What must be the same in a function's trigger, by the names that the trigger uses. */
function bindingOf(wanted: Manifest["functions"][number]): [name: string, value: string][] {
  switch (wanted.trigger) {
    case "queue":
      return [["queueName", wanted.queue]];
    case "timer":
      return [["schedule", wanted.schedule]];
    case "eventHub":
      return [
        ["eventHubName", wanted.hub],
        ["consumerGroup", wanted.consumerGroup],
      ];
    case "kafka":
      return [
        ["topic", wanted.hub],
        ["consumerGroup", wanted.consumerGroup],
      ];
  }
}

function describeFunction(wanted: Manifest["functions"][number]): string {
  switch (wanted.trigger) {
    case "queue":
      return `Function ${wanted.name} reads queue ${wanted.queue}.`;
    case "timer":
      return `Timer ${wanted.name} comes at "${wanted.schedule}", in UTC.`;
    default:
      return `Function ${wanted.name} reads hub ${wanted.hub} in group ${wanted.consumerGroup}.`;
  }
}
