/** The part of Bicep's syntax that `infra/` is written in. Anything else is refused by the parser. */

/** A fault in a template, with the place where it was found. */
export class BicepError extends Error {
  readonly file: string;
  readonly line: number;

  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
    this.name = "BicepError";
    this.file = file;
    this.line = line;
  }
}

interface Node {
  readonly line: number;
}

export interface Literal extends Node {
  readonly kind: "literal";
  readonly value: string | number | boolean | null;
}

export interface Template extends Node {
  readonly kind: "template";
  readonly parts: readonly (string | Expression)[];
}

export interface ObjectProperty extends Node {
  readonly key: Expression;
  readonly value: Expression;
}

export interface ObjectExpression extends Node {
  readonly kind: "object";
  readonly properties: readonly ObjectProperty[];
}

export interface ArrayExpression extends Node {
  readonly kind: "array";
  readonly items: readonly Expression[];
}

export interface Loop extends Node {
  readonly item: string;
  readonly index: string | undefined;
  readonly over: Expression;
}

export interface ForExpression extends Node {
  readonly kind: "for";
  readonly loop: Loop;
  readonly body: Expression;
}

export interface Name extends Node {
  readonly kind: "name";
  readonly name: string;
}

export interface Member extends Node {
  readonly kind: "member";
  readonly of: Expression;
  readonly name: string;
  readonly safe: boolean;
}

export interface Index extends Node {
  readonly kind: "index";
  readonly of: Expression;
  readonly index: Expression;
  readonly safe: boolean;
}

export interface Call extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}

export interface Method extends Node {
  readonly kind: "method";
  readonly of: Expression;
  readonly name: string;
  readonly args: readonly Expression[];
}

export interface Lambda extends Node {
  readonly kind: "lambda";
  readonly params: readonly string[];
  readonly body: Expression;
}

export interface Unary extends Node {
  readonly kind: "unary";
  readonly operator: "!" | "-";
  readonly operand: Expression;
}

export interface Binary extends Node {
  readonly kind: "binary";
  readonly operator: string;
  readonly left: Expression;
  readonly right: Expression;
}

export interface Ternary extends Node {
  readonly kind: "ternary";
  readonly condition: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
}

/** `x!`: the author promises that the value is there. */
export interface Promised extends Node {
  readonly kind: "promised";
  readonly operand: Expression;
}

export type Expression =
  | Literal
  | Template
  | ObjectExpression
  | ArrayExpression
  | ForExpression
  | Name
  | Member
  | Index
  | Call
  | Method
  | Lambda
  | Unary
  | Binary
  | Ternary
  | Promised;

export interface Decorator extends Node {
  readonly name: string;
  readonly args: readonly Expression[];
}

interface Declared extends Node {
  readonly name: string;
  readonly decorators: readonly Decorator[];
}

/** `string`, `int`, `bool`, `object`, `array`, or one of these with `[]`. */
export interface TypeName {
  readonly base: "string" | "int" | "bool" | "object" | "array";
  readonly list: boolean;
}

export interface Parameter extends Declared {
  readonly kind: "param";
  readonly type: TypeName;
  readonly fallback: Expression | undefined;
}

export interface Variable extends Declared {
  readonly kind: "var";
  readonly value: Expression;
}

/** What stands right of a resource's or module's `=`: an object, perhaps under a condition, perhaps in a loop. */
export interface Body {
  readonly loop: Loop | undefined;
  readonly condition: Expression | undefined;
  readonly object: ObjectExpression;
}

export interface ResourceDeclaration extends Declared {
  readonly kind: "resource";
  readonly type: string;
  readonly apiVersion: string;
  readonly existing: boolean;
  readonly body: Body;
}

export interface ModuleDeclaration extends Declared {
  readonly kind: "module";
  readonly path: string;
  readonly body: Body;
}

export interface Output extends Declared {
  readonly kind: "output";
  readonly type: TypeName;
  readonly value: Expression;
}

export type Declaration = Parameter | Variable | ResourceDeclaration | ModuleDeclaration | Output;

export interface BicepFile {
  readonly path: string;
  readonly targetScope: "resourceGroup" | "subscription";
  readonly declarations: readonly Declaration[];
}

/** The expressions directly inside an expression, in source order. */
export function childrenOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case "literal":
    case "name":
      return [];
    case "template":
      return node.parts.filter((part) => typeof part !== "string");
    case "object":
      return node.properties.flatMap(({ key, value }) => [key, value]);
    case "array":
      return node.items;
    case "for":
      return [node.loop.over, node.body];
    case "member":
      return [node.of];
    case "index":
      return [node.of, node.index];
    case "call":
      return node.args;
    case "method":
      return [node.of, ...node.args];
    case "lambda":
      return [node.body];
    case "unary":
    case "promised":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "ternary":
      return [node.condition, node.then, node.otherwise];
  }
}
