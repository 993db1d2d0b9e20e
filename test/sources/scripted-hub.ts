import type { EventHubConsumerClient, ReceivedEventData, SubscriptionEventHandlers } from "@azure/event-hubs";

export interface Bounds {
  readonly first: number;
  readonly next: number;
  readonly isEmpty?: boolean;
}

/** What a receiver gives in turn: sequence numbers of a chunk, none for a second of quiet, or an error. */
export type Step = readonly number[] | Error;

/** A hub that does what no local one does: it has holes, withholds events, and fails in the midst. */
export interface ScriptedHub {
  readonly client: EventHubConsumerClient;
  /** How many receivers are open. */
  open: number;
  /** How many steps a receiver still waits for. */
  untaken: number;
}

/** A hub whose receivers give these steps, and then quiet; "mute" ones give nothing at all. */
export function scriptedHub(steps: readonly Step[] | "mute", bounds: Bounds | (() => Bounds)): ScriptedHub {
  const boundsNow = typeof bounds === "function" ? bounds : () => bounds;
  const hub = { open: 0, untaken: 0 };
  const client = {
    eventHubName: "holes",
    getEventHubProperties: async () => ({ createdOn: new Date(0), partitionIds: ["0"] }),
    getPartitionProperties: async () => {
      const { first, next, isEmpty = false } = boundsNow();
      const last = { lastEnqueuedSequenceNumber: next - 1, lastEnqueuedOnUtc: new Date(0) };
      return { isEmpty, beginningSequenceNumber: first, ...last };
    },
    subscribe: (_partition: string, handlers: SubscriptionEventHandlers) => {
      let isOpen = true;
      hub.open++;
      const give = async (step: Step): Promise<void> => {
        hub.untaken++;
        // The reader looks at no more than the events and the error.
        if (step instanceof Error) await handlers.processError(step, undefined as never);
        else await handlers.processEvents(step.map(received) as unknown as ReceivedEventData[], undefined as never);
        hub.untaken--;
      };
      const push = async () => {
        for (const step of steps === "mute" ? [] : steps) {
          await new Promise(setImmediate);
          if (isOpen) await give(step);
        }
        while (isOpen && steps !== "mute") {
          await new Promise(setImmediate);
          await give([]);
        }
      };
      void push();
      const close = async () => {
        if (isOpen) hub.open--;
        isOpen = false;
      };
      return { isRunning: true, close };
    },
  };
  return Object.assign(hub, { client: client as unknown as EventHubConsumerClient });
}

function received(sequenceNumber: number) {
  const getRawAmqpMessage = () => ({});
  return { sequenceNumber, enqueuedTimeUtc: new Date(0), body: Buffer.from("x"), getRawAmqpMessage };
}
