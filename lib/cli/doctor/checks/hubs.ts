import type { EventHubConsumerClient } from "@azure/event-hubs";
import type { ManifestHub } from "../../infra/manifest.ts";
import { type Check, type Context, type Finding, good, problem } from "../check.ts";
import { hostOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

const RIGHT = "the role Azure Event Hubs Data Receiver on the hub";

/** How long a consumer group may take to refuse a reader; one that exists says nothing. */
const GROUP_MS = 2_500;

/** Are the hubs there, with their partitions and consumer groups? */
export const hubsCheck: Check = {
  name: "hubs",
  run: async (context) => {
    const hubs = context.manifest.hubs.filter(({ kafka }) => !kafka);
    return (await Promise.all(hubs.map((hub) => checkHub(context, hub)))).flat();
  },
};

async function checkHub({ connections, settings }: Context, hub: ManifestHub): Promise<Finding[]> {
  if (!connections) return [];
  const host = hostOf(settings, hub.connection, "Event Hubs");
  try {
    const producer = await connections.eventHubProducer(hub.connection, hub.name);
    const { partitionIds } = await producer.getEventHubProperties();
    const there = partitionIds.length;
    const counted =
      there === hub.partitions
        ? good(`Hub ${hub.name} has ${there} partitions.`)
        : problem(
            `Hub ${hub.name} has ${there} partitions and the functions declare ${hub.partitions}.`,
            remedy(there, hub),
          );
    const groups = await Promise.all(
      hub.consumerGroups.map(async (group) => {
        const client = await connections.eventHubConsumer(hub.connection, hub.name, group);
        return checkGroup(client, hub.name, group, host);
      }),
    );
    return [counted, ...groups];
  } catch (thrown) {
    return [explain(thrown, `Hub ${hub.name}`, host, RIGHT)];
  }
}

function remedy(there: number, hub: ManifestHub): string {
  return there < hub.partitions
    ? "On Premium, deploy the infrastructure; on Standard, a hub keeps the partitions it was made with."
    : `Declare partitions: ${there} in handle(…) and run \`npm run infra\`.`;
}

/** Opens a reader at the end of one partition, which takes nothing from others, and waits for a refusal. */
function checkGroup(client: EventHubConsumerClient, hub: string, group: string, host: string): Promise<Finding> {
  const what = `Consumer group ${hub}/${group}`;
  return new Promise((resolve) => {
    const end = (finding: Finding) => {
      clearTimeout(timer);
      resolve(
        subscription.close().then(
          () => finding,
          () => finding,
        ),
      );
    };
    const timer = setTimeout(() => end(good(`${what} is there.`)), GROUP_MS);
    const subscription = client.subscribe(
      "0",
      {
        processEvents: async () => undefined,
        processError: async (error) => {
          // Somebody reads the group with an owner's level: so it exists.
          const busy = /epoch|receiver.*(exists|higher)|ReceiverDisconnected/i.test(`${error.name} ${error.message}`);
          end(busy ? good(`${what} is there and is being read.`) : explain(error, what, host, RIGHT));
        },
      },
      { startPosition: { enqueuedOn: Date.now() + 60_000 } },
    );
  });
}
