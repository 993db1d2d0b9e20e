/** The part of the Standard Schema interface that Tidemark uses; zod, valibot, arktype and others implement it. */
export interface Schema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validation<Output> | Promise<Validation<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type Validation<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly ValidationIssue[] };

export interface ValidationIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Checks a value; throws a plain Error whose message lists every issue with its path. */
export function validate<Output>(schema: Schema<Output>, value: unknown): Output {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise)
    throw new Error("the schema validates asynchronously; event schemas must be synchronous");
  if (result.issues === undefined) return result.value;
  throw new Error(result.issues.map(describeIssue).join("; "));
}

function describeIssue(issue: ValidationIssue): string {
  const path = issue.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return path ? `${path}: ${issue.message}` : issue.message;
}
