/** Works off a list with so many at a time; the first failure ends it, once what runs has ended. Results are in the list's order. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const giveUp = new AbortController();
  async function run(): Promise<void> {
    for (const [index, item] of queue) {
      if (giveUp.signal.aborted) return;
      results[index] = await work(item);
    }
  }
  const runs = Array.from({ length: Math.min(limit, items.length) }, async () => {
    try {
      await run();
    } catch (error) {
      giveUp.abort();
      throw error;
    }
  });
  const [failure] = (await Promise.allSettled(runs)).filter((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return results;
}
