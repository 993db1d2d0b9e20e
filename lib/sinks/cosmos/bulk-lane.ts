import type { BulkOptions, Container, OperationInput, OperationResponse, RequestOptions } from "@azure/cosmos";
import { roughJsonBytes } from "../plain-json.ts";
import { bulkInput, type Operation, runAlone } from "./operation.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";

/** The service takes at most 100 operations a request; the SDK cuts bodies at about 220 KB. */
const MAX_OPERATIONS = 100;
const MAX_BYTES = 200_000;

/** A bulk answers 429 and the like per operation, with the delay beside the status. */
type BulkAnswer = OperationResponse & { readonly retryAfterMilliseconds?: number; readonly subStatusCode?: number };

interface Submission {
  readonly operations: readonly Operation[];
  readonly outcomes: Outcome[];
  open: number;
  abandoned: boolean;
  readonly done: () => void;
}

interface Job {
  readonly submission: Submission;
  readonly index: number;
}

/**
 * One container's way to the service, shared by all tasks of the process: operations are packed into bulk requests, of
 * which a bounded number is in flight. While all are, what waits collects into fuller requests, so that load makes
 * each operation cheaper. A bulk is no transaction: every operation has an outcome of its own.
 */
export class BulkLane {
  readonly #container: Container;
  readonly #width: number;
  readonly #waiting: Job[] = [];
  #taken = 0;
  #inFlight = 0;

  constructor(container: Container, width: number) {
    this.#container = container;
    this.#width = width;
  }

  /**
   * Runs operations and resolves with one outcome each, in their order; rejects with the signal's reason when it is
   * aborted first. What is in flight by then may still take effect.
   */
  submit(operations: readonly Operation[], signal: AbortSignal): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const outcomes: Outcome[] = new Array(operations.length);
      if (operations.length === 0) return resolve(outcomes);
      const abort = () => {
        submission.abandoned = true;
        reject(signal.reason);
      };
      const done = () => {
        signal.removeEventListener("abort", abort);
        resolve(outcomes);
      };
      const submission: Submission = { operations, outcomes, open: operations.length, abandoned: false, done };
      signal.addEventListener("abort", abort, { once: true });
      for (let index = 0; index < operations.length; index++) this.#waiting.push({ submission, index });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < this.#width) {
      const jobs = this.#take();
      if (jobs.length === 0) return;
      this.#inFlight++;
      void this.#run(jobs).finally(() => {
        this.#inFlight--;
        this.#pump();
      });
    }
  }

  #take(): Job[] {
    const jobs: Job[] = [];
    let bytes = 0;
    while (this.#taken < this.#waiting.length && jobs.length < MAX_OPERATIONS) {
      const job = this.#waiting[this.#taken] as Job;
      if (!job.submission.abandoned) {
        const operation = operationOf(job);
        if (jobs.length > 0 && isRead(operationOf(jobs[0] as Job)) !== isRead(operation)) break;
        bytes += isRead(operation) ? 0 : roughJsonBytes(operation.body);
        if (bytes > MAX_BYTES && jobs.length > 0) break;
        jobs.push(job);
      }
      this.#taken++;
    }
    if (this.#taken === this.#waiting.length || this.#taken > 10_000) {
      this.#waiting.splice(0, this.#taken);
      this.#taken = 0;
    }
    return jobs;
  }

  /** Never rejects: trouble becomes an outcome. */
  async #run(jobs: readonly Job[]): Promise<void> {
    const [first, ...rest] = jobs;
    if (first === undefined) return;
    if (rest.length > 0) {
      const answers = await this.#sendBulk(jobs);
      if (answers !== undefined) {
        jobs.forEach((job, index) => {
          settle(job, outcomeOfBulk(operationOf(job), answers[index]));
        });
        return;
      }
    }
    // A bulk that fails as a whole throws an error without a status. One of its operations, sent alone, tells whether
    // the service is in trouble, and the others wait with it, or whether it was the bulk, which is then taken apart.
    const outcome = await runAlone(this.#container, operationOf(first));
    settle(first, outcome);
    if (outcome.kind === "busy" || outcome.kind === "gone") {
      for (const job of rest) settle(job, outcome);
      return;
    }
    const half = Math.ceil(rest.length / 2);
    await this.#run(rest.slice(0, half));
    await this.#run(rest.slice(half));
  }

  async #sendBulk(jobs: readonly Job[]): Promise<readonly (BulkAnswer | undefined)[] | undefined> {
    try {
      const inputs = jobs.map((job) => bulkInput(operationOf(job)));
      // The SDK's newer executeBulkOperations waits a second for company before it sends anything.
      const bulk: Bulk = this.#container.items.bulk.bind(this.#container.items);
      // Asking for no content would leave it out of the answers to reads too.
      const options = isRead(operationOf(jobs[0] as Job)) ? {} : { contentResponseOnWriteEnabled: false };
      return await bulk(inputs, { continueOnError: true }, options);
    } catch {
      return undefined;
    }
  }
}

type Bulk = (inputs: OperationInput[], bulk: BulkOptions, options: RequestOptions) => Promise<OperationResponse[]>;

function isRead(operation: Operation): operation is Operation & { readonly kind: "Read" } {
  return operation.kind === "Read";
}

function operationOf(job: Job): Operation {
  return job.submission.operations[job.index] as Operation;
}

function settle(job: Job, outcome: Outcome): void {
  const { submission } = job;
  submission.outcomes[job.index] = outcome;
  submission.open--;
  if (submission.open === 0) submission.done();
}

function outcomeOfBulk(operation: Operation, answer: BulkAnswer | undefined): Outcome {
  return outcomeOf(operation.kind, {
    status: answer?.statusCode,
    substatus: answer?.subStatusCode,
    etag: answer?.eTag,
    document: answer?.resourceBody,
    retryAfter: answer?.retryAfterMilliseconds,
  });
}
