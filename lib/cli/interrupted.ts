const A_DAY_MS = 86_400_000;

/** Resolves with the first SIGINT, SIGTERM or SIGHUP, and keeps the process alive until then; a second one ends it. */
export function interrupted(): Promise<NodeJS.Signals> {
  // A handler alone does not keep Node running, and neither do child processes that end with their parent.
  const alive = setInterval(() => {}, A_DAY_MS);
  return new Promise((resolve) => {
    let seen = false;
    const take = (signal: NodeJS.Signals): void => {
      if (seen) process.exit(130);
      seen = true;
      clearInterval(alive);
      resolve(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, take);
  });
}
