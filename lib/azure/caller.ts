/** File and line of whoever called a function, for messages. */
export function callerOf(callee: (...parameters: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  const frame = holder.stack?.split("\n")[1] ?? "";
  const location = /\(?((?:file:\/\/|\/|[A-Z]:\\)[^()]*?:\d+):\d+\)?$/.exec(frame)?.[1] ?? "an unknown place";
  return location.replace(/^file:\/\//, "").replace(`${process.cwd()}/`, "");
}
