/** What should lie in the side outputs of one pipeline. */
export interface ExpectedSideOutput {
  /** "partition/sequence number" of each event, where the flights alone tell it. */
  readonly places?: readonly string[];
  readonly count: number;
}

/** By pipeline, then by kind. */
export type ExpectedSideOutputs = Readonly<Record<string, Readonly<Record<SideKindName, ExpectedSideOutput>>>>;

export type SideKindName = "dead-letter" | "late";
