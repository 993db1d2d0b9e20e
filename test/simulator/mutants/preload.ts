/** For `node --import`: breaks the program that follows. */
import { applyMutant } from "./apply.ts";

applyMutant(process.env.BROKEN_VARIANT);
