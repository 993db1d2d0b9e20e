export type { Aggregate } from "./aggregate.ts";
export { avg } from "./avg.ts";
export { count } from "./count.ts";
export { max, min } from "./extremes.ts";
export { first, last } from "./first-last.ts";
export { quantile } from "./quantile.ts";
export { sum } from "./sum.ts";
