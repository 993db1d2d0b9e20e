/** Finds the function for a request; routes are templates like `orders/{id:int}/{*rest}`. */
export class RouteTable<Target> {
  readonly #routes: { readonly route: Route; readonly methods: ReadonlySet<string>; readonly target: Target }[] = [];

  add(template: string, methods: readonly string[], target: Target): void {
    const route = parseRoute(template);
    const upper = new Set(methods.map((method) => method.toUpperCase()));
    this.#routes.push({ route, methods: upper, target });
    this.#routes.sort((a, b) => compareRoutes(a.route, b.route));
  }

  find(method: string, path: string): { target: Target; params: Record<string, string> } | undefined {
    const parts = path.split("/").filter((part) => part !== "");
    for (const { route, methods, target } of this.#routes) {
      if (!methods.has(method.toUpperCase())) continue;
      const params = matchRoute(route, parts);
      if (params !== undefined) return { target, params };
    }
    return undefined;
  }
}

type Route = readonly Segment[];

interface Segment {
  readonly kind: "literal" | "parameter" | "rest";
  readonly text: string;
  readonly constraint?: RegExp | undefined;
  readonly optional: boolean;
}

const CONSTRAINTS: Readonly<Record<string, RegExp>> = {
  int: /^-?\d+$/,
  long: /^-?\d+$/,
  bool: /^(true|false)$/i,
  guid: /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i,
  alpha: /^[a-z]*$/i,
  decimal: /^-?\d+(\.\d+)?$/,
  double: /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i,
};

function parseRoute(template: string): Route {
  return template
    .split("/")
    .filter((part) => part !== "")
    .map((part): Segment => {
      const match = /^\{(\*{0,2})(\w+)(?::(\w+)[^}]*?)?(\?)?\}$/.exec(part);
      const [, stars, name, constraint, optional] = match ?? [];
      if (name === undefined) return { kind: "literal", text: part.toLowerCase(), optional: false };
      if (stars !== "") return { kind: "rest", text: name, optional: true };
      const pattern = constraint === undefined ? undefined : CONSTRAINTS[constraint];
      return { kind: "parameter", text: name, constraint: pattern, optional: optional === "?" };
    });
}

function matchRoute(route: Route, parts: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [i, segment] of route.entries()) {
    const part = parts[i];
    if (segment.kind === "rest") {
      if (part !== undefined) params[segment.text] = parts.slice(i).map(decode).join("/");
      return params;
    }
    if (part === undefined) {
      if (!segment.optional) return undefined;
    } else if (segment.kind === "literal") {
      if (part.toLowerCase() !== segment.text) return undefined;
    } else {
      const value = decode(part);
      if (segment.constraint?.test(value) === false) return undefined;
      params[segment.text] = value;
    }
  }
  return parts.length > route.length ? undefined : params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const RANK = { literal: 0, parameter: 1, rest: 3 } as const;

// The more exact route goes first: a literal before a constrained parameter before a parameter before the rest.
function compareRoutes(a: Route, b: Route): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = rank(a[i]) - rank(b[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(segment: Segment | undefined): number {
  if (segment === undefined) return 2;
  return segment.kind === "parameter" && segment.constraint === undefined ? 1.5 : RANK[segment.kind];
}
