import * as z from "zod";

const airportCode = z.string().length(3);

/** One flight as the hub `flights` carries it, published when it actually departed. */
export const Flight = z.object({
  id: z.string().min(1),
  scheduled: z.iso.datetime(),
  // Minutes. Nobody leaves more than an hour early: such a delay is a broken record, and would drag event time ahead.
  delay: z.number().min(-60),
  distance: z.number().positive(),
  origin: airportCode,
  destination: airportCode,
});

export type Flight = z.infer<typeof Flight>;
