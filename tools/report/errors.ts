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
  return `${paint('red', 'internal error:')} ${inspect(error)}\nThis is a bug in Slipway: report it with the text above.`;
}

function headline(error: BuildError, paint: Paint): string {
  const place = error.at === undefined ? '' : `${formatLocation(error.at)}: `;
  return `${place}${paint('red', 'error:')} ${error.message}  ${paint('dim', `[${error.code}]`)}`;
}

/** `file:line:column`, the file as seen from here. */
export function formatLocation({ file, line, column }: Location): string {
  const near = relative('', file);
  return `${near.startsWith('..') ? file : near}:${line}:${column}`;
}

function reasons(cause: unknown): string[] {
  if (cause === undefined || cause === null) return [];
  if (!(cause instanceof Error)) return [`  because: ${inspect(cause)}`];
  return [`  because: ${cause.message}`, ...reasons(cause.cause)];
}

function hint(error: BuildError, paint: Paint): string[] {
  return error.hint === undefined ? [] : [`  ${paint('cyan', 'hint:')} ${error.hint}`];
}

/** An error as JSON for machines: the same facts, in fields. */
export function errorToJson(error: unknown): unknown {
  if (error instanceof BuildErrors) return { errors: error.errors.map(errorToJson) };
  if (!(error instanceof BuildError)) return { code: 'internal', message: inspect(error) };
  const { code, message, hint: way, at, cause } = error;
  return { code, message, hint: way, at, because: reasons(cause).map((reason) => reason.replace('  because: ', '')) };
}
