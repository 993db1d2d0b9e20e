import { messageOf, TidemarkError } from "../../errors.ts";

/** Reads Azure Resource Manager; never writes. */
export class Arm {
  readonly #endpoint: string;
  readonly #token: () => Promise<string>;

  constructor(endpoint: string, token: () => Promise<string>) {
    this.#endpoint = endpoint;
    this.#token = token;
  }

  get<T>(path: string, apiVersion: string): Promise<T> {
    return this.#ask<T>("GET", `${this.#endpoint}${path}${path.includes("?") ? "&" : "?"}api-version=${apiVersion}`);
  }

  /** Every page of a list. */
  async list<T>(path: string, apiVersion: string): Promise<T[]> {
    type Page = { readonly value: readonly T[]; readonly nextLink?: string };
    const all: T[] = [];
    let page = await this.get<Page>(path, apiVersion);
    all.push(...page.value);
    while (page.nextLink) {
      page = await this.#ask<Page>("GET", page.nextLink);
      all.push(...page.value);
    }
    return all;
  }

  /** Settings are read with a POST, because they may be secrets. */
  listSettings(siteId: string, apiVersion: string): Promise<{ readonly properties: Readonly<Record<string, string>> }> {
    return this.#ask("POST", `${this.#endpoint}${siteId}/config/appsettings/list?api-version=${apiVersion}`);
  }

  async #ask<T>(method: "GET" | "POST", url: string): Promise<T> {
    const headers = { authorization: `Bearer ${await this.#token()}` };
    const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(20_000) }).catch(
      (thrown: unknown) => {
        throw unanswered(new URL(url).origin, thrown);
      },
    );
    if (answer.ok) return (await answer.json()) as T;
    const path = new URL(url).pathname;
    if (answer.status === 401 || answer.status === 403) {
      throw new TidemarkError("UNAVAILABLE", `You may not read ${path} (${answer.status}).`, {
        fix: "It takes the role Reader on the resource group, and Website Contributor to see the app's settings.",
      });
    }
    if (answer.status === 404) throw new TidemarkError("NOT_FOUND", `There is no ${path}.`);
    throw new TidemarkError("UNAVAILABLE", `${path} answered ${answer.status}.`, { retryable: answer.status >= 500 });
  }
}

function unanswered(origin: string, thrown: unknown): TidemarkError {
  const reason = messageOf((thrown as { readonly cause?: unknown }).cause ?? thrown);
  return new TidemarkError("UNAVAILABLE", `${origin} does not answer: ${reason}.`, {
    retryable: true,
    cause: thrown,
    fix: "Check the network of this machine, and its proxy.",
  });
}
