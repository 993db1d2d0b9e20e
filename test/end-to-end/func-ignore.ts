/**
 * Which files Core Tools upload: those that a `!` line matches, and those that no other line matches. A line matches a
 * path that begins with it at a word's end, `*` standing for a part of the path; the order of lines plays no role.
 */
export function readFuncIgnore(text: string): (path: string) => boolean {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const kept = lines.filter((line) => line.startsWith("!")).map((line) => patternOf(line.slice(1)));
  const ignored = lines.filter((line) => !line.startsWith("!")).map(patternOf);
  const matches = (patterns: readonly RegExp[], path: string) => patterns.some((pattern) => pattern.test(path));
  return (path) => matches(kept, path) || !matches(ignored, path);
}

function patternOf(line: string): RegExp {
  const literal = line.replace(/^\//, "").replace(/[-[\]/{}()+?.\\^$|]/g, "\\$&");
  return new RegExp(`^(${literal.replaceAll("**", "(.+)").replaceAll("*", "([^/]+)")})\\b`);
}
