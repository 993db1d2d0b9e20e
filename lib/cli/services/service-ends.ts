/** A process that provides a service. */
export interface OwnService {
  readonly pid: number | undefined;
  /** Resolves with the way it ended. */
  readonly exited: Promise<string>;
  /** The last lines that it wrote to standard error. */
  lastWords(): readonly string[];
}

/** A service that ended although nobody had stopped it. */
export interface ServiceEnd {
  readonly title: string;
  readonly pid: number | undefined;
  /** The exit code or the signal. */
  readonly how: string;
  readonly lastWords: readonly string[];
}

/** One line, and what the service said last: nobody can go on without it. */
export function describeEnd({ title, pid, how, lastWords }: ServiceEnd): string {
  const said = lastWords.length === 0 ? "; it said nothing." : `. It said last:\n  ${lastWords.join("\n  ")}`;
  return `${title} (process ${pid}) ended by itself with ${how}${said}`;
}

/** Knows which services are to be there, and notices at once when one of them is not. */
export class ServiceEnds {
  /** Resolves with the first one that ended by itself. */
  readonly first: Promise<ServiceEnd>;
  readonly #first = Promise.withResolvers<ServiceEnd>();
  readonly #expected = new WeakSet<OwnService>();

  constructor() {
    this.first = this.#first.promise;
  }

  watch(title: string, service: OwnService): void {
    void service.exited.then((how) => {
      if (this.#expected.has(service)) return;
      this.#first.resolve({ title, pid: service.pid, how, lastWords: service.lastWords() });
    });
  }

  /** Says that the end of this one is wanted. */
  expect(service: OwnService): void {
    this.#expected.add(service);
  }
}
