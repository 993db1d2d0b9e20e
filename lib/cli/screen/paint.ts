/** Colours of a text; each function returns the text itself when colours are off. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly accent: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  /** From green over yellow to red, for a share of 0 to 1. */
  readonly heat: (share: number, text: string) => string;
}

/** Of the 256-colour palette, from calm to alarming. */
const HEAT = [72, 108, 144, 179, 173, 167, 160] as const;

export function createPaint(colours: boolean): Paint {
  const style = (open: string, close: string) => (text: string) =>
    colours && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  const colour = (number: number) => style(`38;5;${number}`, "39");
  return {
    bold: style("1", "22"),
    dim: style("2", "22"),
    accent: colour(44),
    warn: colour(179),
    bad: colour(167),
    heat: (share, text) => {
      const step = Math.min(HEAT.length - 1, Math.max(0, Math.floor(share * HEAT.length)));
      return colour(HEAT[step] as number)(text);
    },
  };
}

/** Whether a stream wants colours: a terminal does, unless NO_COLOR or a dumb terminal says no. */
export function wantsColours(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean {
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== "") return false;
  if (environment.FORCE_COLOR !== undefined && environment.FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && environment.TERM !== "dumb";
}
