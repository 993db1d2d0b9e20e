const SECONDS_LENGTH = "2001-01-01T00:00:00".length;
const ZERO = 48;

/**
 * Makes a reader of ISO 8601 times that takes a time without a zone as UTC: the trigger writes them so, with up to
 * seven decimals. It remembers the last whole second, since the times of a batch are close together. NaN when it
 * is not a time.
 */
export function timeReader(): (value: unknown) => number {
  let second = "";
  let secondMs = Number.NaN;
  return (value) => {
    if (typeof value !== "string") return value instanceof Date ? value.getTime() : Number.NaN;
    if (second === "" || !value.startsWith(second)) {
      second = value.slice(0, SECONDS_LENGTH);
      secondMs = second.length === SECONDS_LENGTH ? Date.parse(`${second}Z`) : Number.NaN;
    }
    return secondMs + readRest(value);
  };
}

/** Milliseconds from the decimals and the zone that follow the seconds. */
function readRest(text: string): number {
  let at = SECONDS_LENGTH;
  let ms = 0;
  if (text.charCodeAt(at) === 46) {
    let scale = 100;
    for (at++; at < text.length; at++) {
      const digit = text.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9) break;
      ms += digit * scale;
      scale = scale === 1 ? 0 : scale / 10;
    }
  }
  if (at === text.length || (text[at] === "Z" && at + 1 === text.length)) return ms;
  const zone = /^([+-])(\d\d):?(\d\d)$/.exec(text.slice(at));
  if (!zone) return Number.NaN;
  const minutes = Number(zone[2]) * 60 + Number(zone[3]);
  return ms - (zone[1] === "+" ? minutes : -minutes) * 60_000;
}
