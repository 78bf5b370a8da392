import type { RunContext } from './task.ts';

/** The same context, with someone who hears each line of the log too. */
export function listen(context: RunContext, onLine: (line: string) => void): RunContext {
  return {
    signal: context.signal,
    cores: context.cores,
    get workDir() {
      return context.workDir;
    },
    log: (line) => {
      onLine(line);
      context.log(line);
    },
    progress: (done, total, unit) => context.progress(done, total, unit),
    addCpuSeconds: (seconds) => context.addCpuSeconds(seconds),
  };
}

/** For what a person does by hand, outside any task: nothing is measured, and lines go where they are wanted. */
export function looseContext(
  workDir: string,
  { signal, cores }: Pick<RunContext, 'signal' | 'cores'>,
  log: (line: string) => void = () => {},
): RunContext {
  return { signal, cores, workDir, log, progress: () => {}, addCpuSeconds: () => {} };
}
