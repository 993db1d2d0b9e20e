import { checkFile } from "./check.ts";
import { parseBicep } from "./parser.ts";
import type { Surroundings } from "./runtime.ts";
import { BicepError, type BicepFile } from "./syntax.ts";
import { Deployment } from "./template.ts";
import type { Json } from "./values.ts";

/** A resource while the program runs; its body is computed when everything it may refer to is known. */
export interface Resource {
  readonly type: string;
  readonly apiVersion: string;
  /** All segments, parents first. */
  readonly name: string;
  readonly id: string;
  /** The resource that an extension resource (role, lock, diagnostic setting) is attached to. */
  readonly scopeId: string | undefined;
  readonly file: string;
  readonly symbol: string;
  readonly line: number;
  readonly body: () => Json;
}

/** A resource as it would be sent to Azure. */
export type ConcreteResource = Omit<Resource, "body"> & { readonly body: Readonly<Record<string, Json>> };

export interface Evaluated {
  readonly resources: readonly ConcreteResource[];
  readonly outputs: Readonly<Record<string, Json>>;
  /** The outputs of every file, the main one included: they are kept in the history of deployments. */
  readonly allOutputs: readonly { readonly file: string; readonly values: Readonly<Record<string, Json>> }[];
}

export interface ProgramOptions {
  /** Reads a file of the template; tests pass edited text through it. */
  readonly read: (path: string) => string;
  readonly surroundings: Surroundings;
  /** `TYPE@VERSION` of every resource type that a template may use. */
  readonly types: ReadonlySet<string>;
  /** Lets parameters and variables go unused: a template that a test broke on purpose often has some. */
  readonly allowUnused?: boolean;
}

/** Parsing and checking is most of the work, and most files are the same in every evaluation. */
const parsedFiles = new Map<string, BicepFile>();

/** Turns a main file and its parameters into concrete resources; throws a BicepError at the first fault. */
export function evaluateProgram(
  main: string,
  parameters: Readonly<Record<string, Json>>,
  options: ProgramOptions,
): Evaluated {
  return new Program(options).evaluate(main, parameters);
}

/** Everything that the files of one deployment share. */
export class Program {
  readonly read: (path: string) => string;
  readonly surroundings: Surroundings;
  readonly #types: ReadonlySet<string>;
  readonly #allowUnused: boolean;
  readonly #resources: Resource[] = [];
  readonly #modules: (() => void)[] = [];
  readonly #moduleNames = new Set<string>();
  readonly #outputs: Evaluated["allOutputs"][number][] = [];

  constructor({ read, surroundings, types, allowUnused = false }: ProgramOptions) {
    this.read = read;
    this.surroundings = surroundings;
    this.#types = types;
    this.#allowUnused = allowUnused;
  }

  get groupId(): string {
    return `/subscriptions/${this.surroundings.subscriptionId}/resourceGroups/${this.surroundings.resourceGroup}`;
  }

  evaluate(main: string, parameters: Readonly<Record<string, Json>>): Evaluated {
    const outputs = this.load(main).deploy(parameters);
    for (let run = this.#modules.shift(); run !== undefined; run = this.#modules.shift()) run();
    const resources = this.#resources.map(({ body, ...resource }) => {
      return { ...resource, body: body() as Record<string, Json> };
    });
    const ids = resources.map(({ id }) => id.toLowerCase());
    const again = resources.find(({ id }, at) => ids.indexOf(id.toLowerCase()) !== at);
    if (again) throw new BicepError(again.file, again.line, `"${again.id}" is declared twice`);
    return { resources, outputs, allOutputs: this.#outputs };
  }

  load(path: string): { deploy: (given: Readonly<Record<string, Json>>) => Readonly<Record<string, Json>> } {
    const source = this.read(path);
    const key = `${this.#allowUnused} ${path}\n${source}`;
    let file = parsedFiles.get(key);
    if (file === undefined) {
      file = parseBicep(path, source);
      checkFile(file, this.#allowUnused);
      parsedFiles.set(key, file);
    }
    const parsed = file;
    const deploy = (given: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> => {
      const values = new Deployment(this, parsed, given).run();
      this.#outputs.push({ file: path, values });
      return values;
    };
    return { deploy };
  }

  add(resource: Resource): void {
    this.#resources.push(resource);
  }

  /** Modules run after the file that names them, unless an output is asked for earlier. */
  later(run: () => void): void {
    this.#modules.push(run);
  }

  checkType(file: string, line: number, type: string, apiVersion: string): void {
    if (!this.#types.has(`${type}@${apiVersion}`))
      throw new BicepError(file, line, `unknown type ${type}@${apiVersion}`);
  }

  checkModuleName(file: string, line: number, name: string): void {
    if (this.#moduleNames.has(name)) throw new BicepError(file, line, `two modules are named "${name}"`);
    if (!/^[\w.()-]{1,64}$/.test(name)) throw new BicepError(file, line, `"${name}" is no name for a deployment`);
    this.#moduleNames.add(name);
  }

  otherGroup([subscriptionOrName = "", name]: readonly string[]): string {
    const subscription = name === undefined ? this.surroundings.subscriptionId : subscriptionOrName;
    return `/subscriptions/${subscription}/resourceGroups/${name ?? subscriptionOrName}`;
  }

  /** `resourceId` and its siblings, for a type and the segments of its name. */
  idOf(name: string, [type = "", ...names]: readonly string[]): string {
    const [provider, ...segments] = type.split("/");
    if (segments.length !== names.length) throw new Error(`${name} of ${type} needs ${segments.length} names`);
    const path = segments.map((segment, at) => `${segment}/${names[at]}`).join("/");
    const scope: Record<string, string> = {
      resourceId: this.groupId,
      subscriptionResourceId: `/subscriptions/${this.surroundings.subscriptionId}`,
      tenantResourceId: "",
    };
    return `${scope[name]}/providers/${provider}/${path}`;
  }
}
