/** Makes every process that inherits its options run the broken variant that TIDEMARK_MUTANT names. */
import { mutantOf } from "./list.ts";
import { registerMutant } from "./register.ts";

registerMutant(mutantOf(process.env.TIDEMARK_MUTANT));
