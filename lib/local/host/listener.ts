/** What feeds a function: it starts when the app has loaded and stops before the worker is drained. */
export interface Listener {
  start(): Promise<void>;
  /** Gives no more work; what runs goes on. */
  stop(): Promise<void>;
}
