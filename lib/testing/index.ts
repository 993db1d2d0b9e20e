/** What tests of pipelines import: `import { testDriver } from "tidemark/testing"`. */
export { type SendOptions, type TestDriver, type TestDriverOptions, testDriver } from "./test-driver.ts";
