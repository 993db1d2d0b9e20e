import * as z from "zod";

/** One flight of 100 miles or more as the hub `legs` carries it, keyed by its route. */
export const Leg = z.object({
  id: z.string(),
  route: z.string(),
  scheduled: z.iso.datetime(),
  delay: z.number(),
  distance: z.number(),
  from: z.string(),
  to: z.string(),
});

export type Leg = z.infer<typeof Leg>;
