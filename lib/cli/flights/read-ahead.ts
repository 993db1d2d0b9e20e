/** Begins to read a source at once and keeps one value ready; what the source throws comes in its turn. */
export function readAhead<T>(source: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]();
  const pull = (): Promise<IteratorResult<T>> => {
    const pulled = iterator.next();
    // Whoever awaits it sees the failure; without a handler it would end the process first.
    pulled.catch(() => {});
    return pulled;
  };
  return values(pull(), pull);
}

async function* values<T>(first: Promise<IteratorResult<T>>, pull: () => Promise<IteratorResult<T>>) {
  for (let ready = first; ; ) {
    const { done, value } = await ready;
    if (done) return;
    ready = pull();
    yield value as T;
  }
}
