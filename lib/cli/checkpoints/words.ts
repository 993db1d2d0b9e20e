import { END_OF_TIME, NO_WATERMARK } from "../../engine/frame.ts";
import { whole } from "../screen/text.ts";

/** A watermark as people write it: "none" before the first event, "end" when all windows are closed, else ISO 8601. */
export function watermarkText(watermark: number): string {
  if (watermark === NO_WATERMARK) return "none";
  return watermark === END_OF_TIME ? "end" : isoText(watermark);
}

/** A time in milliseconds since the epoch in ISO 8601, without milliseconds that are zero. */
export function isoText(time: number): string {
  return new Date(time).toISOString().replace(".000Z", "Z");
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
] as const;

/** How long ago something was, in its largest unit: "5m". */
export function ageText(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, one]) => milliseconds >= one) ?? (["s", 1_000] as const);
  return `${Math.max(0, Math.floor(milliseconds / size))}${unit}`;
}

/** A number of frames with its noun. */
export function framesText(frames: number): string {
  return frames === 1 ? "1 frame" : `${whole(frames)} frames`;
}
