import { app } from "@azure/functions";
import { sweep, wakeUps } from "tidemark";

/**
 * A pipeline with `idle` closes its windows although no event comes: it leaves itself a message in this queue, which
 * comes when silence has made them due. `delays` and `routes` do without `idle`: they are fed with flights of 2001, and
 * how long such a replay is interrupted says nothing about the time between its events.
 */
app.storageQueue("wake-ups", wakeUps());

/**
 * Every five minutes, every partition of every pipeline is looked after: what the trigger has skipped is read from the
 * hub, and what a lost instance left behind is committed and delivered. A partition where nothing happened costs next
 * to nothing.
 */
app.timer("sweep", sweep());
