/** The command that resets a task's log, for errors that call for it; of an unknown task, with words in its place. */
export function resetCommand(pipeline = "PIPELINE", partition = "PARTITION"): string {
  return `\`npx tidemark checkpoints reset ${pipeline} ${partition}\``;
}
