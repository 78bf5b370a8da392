import type { Outcome } from '../graph/events.ts';
import { formatError, redact } from './errors.ts';
import { formatSeconds } from './format.ts';
import type { Paint } from './paint.ts';

/** What stays on the screen of a task that ended; nothing for one that had nothing to do. */
export function endLines(id: string, title: string, { outcome, paint }: { outcome: Outcome; paint: Paint }): string[] {
  switch (outcome.type) {
    case 'fresh':
      return [];
    case 'built': {
      const same = outcome.unchanged ? paint('dim', ', same result as before') : '';
      return [
        `${paint('green', 'done')}  ${title} ${paint('dim', `in ${formatSeconds(outcome.durationMs / 1000)}`)}${same}`,
      ];
    }
    case 'skipped':
      return outcome.because === 'interrupted'
        ? []
        : [`${paint('yellow', 'skip')}  ${title}: needs ${outcome.because}`];
    case 'failed':
      return [
        `${paint('red', 'FAIL')}  ${title}`,
        formatError(outcome.error, paint),
        ...outcome.logTail.map((line) => `  ${paint('dim', '|')} ${redact(line)}`),
        ...(outcome.logPath === undefined ? [] : [`  log: ${outcome.logPath}`]),
        `  shell: npx tsx Makefile.ts shell ${id}`,
      ];
  }
}
