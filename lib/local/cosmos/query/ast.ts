import type { Json } from "../json.ts";

/** A query as written, before any name is resolved. */
export interface Query {
  readonly distinct: boolean;
  readonly top: Expression | undefined;
  readonly select: Selection;
  readonly from: readonly Source[];
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  readonly orderBy: readonly Ordering[];
  readonly offset: Expression | undefined;
  readonly limit: Expression | undefined;
}

export type Selection =
  | { readonly kind: "star" }
  | { readonly kind: "value"; readonly expression: Expression }
  | { readonly kind: "list"; readonly items: readonly SelectItem[] };

export interface SelectItem {
  readonly name: string;
  readonly expression: Expression;
}

/** One name of FROM or JOIN; with `each` it stands for the elements of an array in turn. */
export interface Source {
  readonly alias: string;
  readonly input: Expression;
  readonly each: boolean;
}

export interface Ordering {
  readonly expression: Expression;
  readonly descending: boolean;
}

export type Expression =
  | { readonly kind: "literal"; readonly value: Json | undefined }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "name"; readonly name: string; readonly at: number }
  | { readonly kind: "property"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly index: Expression }
  | { readonly kind: "unary"; readonly operator: string; readonly of: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "choice"; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "in"; readonly of: Expression; readonly list: readonly Expression[] }
  | { readonly kind: "between"; readonly of: Expression; readonly low: Expression; readonly high: Expression }
  | {
      readonly kind: "like";
      readonly of: Expression;
      readonly pattern: Expression;
      readonly escape: string | undefined;
    }
  | { readonly kind: "call"; readonly name: string; readonly inputs: readonly Expression[]; readonly at: number }
  | { readonly kind: "array"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly entries: readonly SelectItem[] }
  | { readonly kind: "subquery"; readonly form: "scalar" | "array" | "exists"; readonly query: Query };
