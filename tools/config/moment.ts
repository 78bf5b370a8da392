import { z } from 'zod';

const SECONDS_OF: ReadonlyMap<string, number> = new Map([
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
  ['week', 7 * 86_400],
]);
const SHORT: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['min', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
]);

/** A moment, or how long after another one. */
export type When = { readonly type: 'at'; readonly date: Date } | { readonly type: 'after'; readonly seconds: number };

export const WHEN_FORM =
  'a moment such as 2030-01-31T12:00:00Z, or an offset such as "30 minutes", "4 hours", "2 weeks"';

/** `2030-01-31T12:00:00Z`, `30 minutes`, `in 2 weeks`, `3d`; undefined for anything else. */
export function parseWhen(text: string): When | undefined {
  const date = parseMoment(text);
  if (date !== undefined) return { type: 'at', date };
  const seconds = parseOffset(text);
  return seconds === undefined ? undefined : { type: 'after', seconds };
}

/** RFC 3339, cut to whole seconds: fractions are refused by other TUF clients. */
export function parseMoment(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(Math.floor(time / 1000) * 1000);
}

/** In seconds. Months and years are no lengths. */
export function parseOffset(text: string): number | undefined {
  const [, digits, unit = ''] = /^(?:in )?(\d{1,9}) ?([a-z]+)$/.exec(text.trim()) ?? [];
  const seconds = SECONDS_OF.get(SHORT.get(unit) ?? unit.replace(/s$/, ''));
  return digits === undefined || seconds === undefined ? undefined : Number(digits) * seconds;
}

export function resolveWhen(when: When, start: Date): Date {
  return when.type === 'at' ? when.date : new Date(start.getTime() + when.seconds * 1000);
}

/** `YYYY-MM-DDTHH:MM:SSZ`: tough verifies what it prints again, and would leave out a fraction of zero. */
export function formatMoment(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** In a manifest. */
export function whenSchema() {
  return z.string().transform((text, context) => {
    const value = parseWhen(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${WHEN_FORM}, got ${JSON.stringify(text)}` });
    return z.NEVER;
  });
}
