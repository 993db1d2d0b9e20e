/** How often a message is tried; the host itself gives up after five, and puts it into a queue of poison. */
const TRIES = 4;

/** Answers a message of the queue of wake-ups; one that fails for good is given up, since the sweep comes to its task. */
export async function answerMessage(
  answer: () => Promise<void>,
  dequeueCount: unknown,
  onGivenUp: (why: string) => void,
): Promise<void> {
  try {
    await answer();
  } catch (thrown) {
    if (!(Number(dequeueCount) >= TRIES)) throw thrown;
    onGivenUp(`A wake-up was given up after ${TRIES} tries; the sweep goes on. ${thrown}`);
  }
}
