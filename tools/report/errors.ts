import { relative } from 'node:path';
import { inspect } from 'node:util';

import { BuildError, BuildErrors } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Paint } from './paint.ts';

/** Any thrown value as a person reads it: message, causes, the way out. One block for each finding. */
export function formatError(error: unknown, paint: Paint): string {
  if (error instanceof BuildErrors) return error.errors.map((each) => formatError(each, paint)).join('\n');
  if (error instanceof BuildError)
    return [headline(error, paint), ...reasons(error.cause), ...hint(error, paint)].join('\n');
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${paint('red', 'internal error:')} ${text}\nThis is a bug in Slipway: report it with the text above.`;
}

function headline(error: BuildError, paint: Paint): string {
  const place = error.at === undefined ? '' : `${formatLocation(error.at)}: `;
  return `${place}${paint('red', 'error:')} ${redact(error.message)}  ${paint('dim', `[${error.code}]`)}`;
}

/** `file:line:column`, the file as seen from here. */
export function formatLocation({ file, line, column }: Location): string {
  const near = relative('', file);
  return `${near.startsWith('..') ? file : near}:${line}:${column}`;
}

function reasons(cause: unknown): string[] {
  if (cause === undefined || cause === null) return [];
  if (!(cause instanceof Error)) return [`  because: ${redact(inspect(cause))}`];
  return [`  because: ${redact(cause.message)}`, ...reasons(cause.cause)];
}

function hint(error: BuildError, paint: Paint): string[] {
  return error.hint === undefined ? [] : [`  ${paint('cyan', 'hint:')} ${redact(error.hint)}`];
}

/** Credentials in an address are nobody's to read; a file name or key path is. */
export function redact(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi, '$1***@');
}

/** An error as JSON for machines: the same facts, in fields. */
export function errorToJson(error: unknown): unknown {
  if (error instanceof BuildErrors) return { errors: error.errors.map(errorToJson) };
  if (error instanceof BuildError) {
    const { code, hint: way, at } = error;
    return {
      code,
      message: redact(error.message),
      hint: way === undefined ? undefined : redact(way),
      at,
      because: reasons(error.cause),
    };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
