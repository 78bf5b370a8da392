import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import { knownKeys } from './schema-keys.ts';
import { suggest } from './suggest.ts';

export type Path = readonly PropertyKey[];

/** What a manifest's text says, and where each part of it stands. */
export interface Manifest<T> {
  readonly value: T;
  /** The place of a value, or of its nearest parent that is written down. */
  readonly locate: (path: Path) => Location;
}

/** Holds what is written against a schema, whatever it was written in; complaints are added to `errors`, all of them, and the result is then undefined. */
export function checkManifest<S extends z.ZodType>(
  { value: written, locate }: Manifest<unknown>,
  schema: S,
  errors: BuildError[],
): Manifest<z.output<S>> | undefined {
  const parsed = schema.safeParse(written);
  if (parsed.success) return { value: freeze(parsed.data), locate };
  for (const issue of parsed.error.issues) errors.push(...complaints(issue, [], { schema, written, locate }));
  return undefined;
}

interface Context {
  readonly schema: z.ZodType;
  readonly written: unknown;
  readonly locate: (path: Path) => Location;
}

function complaints(issue: z.core.$ZodIssue, parent: Path, context: Context): BuildError[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, context));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [best] = issue.errors.toSorted((a, b) => strangeness(a) - strangeness(b));
    return (best ?? []).flatMap((nested) => complaints(nested, path, context));
  }
  const found = valueAt(context.written, path);
  const message = `Cannot read "${printPath(path)}": ${finding(issue, found)}`;
  return [new BuildError('config/bad-value', message, { at: context.locate(path), hint: remedy(issue, found) })];
}

/** The branch of a union that knows the most of the keys that are there is the one the author meant. */
function strangeness(issues: readonly z.core.$ZodIssue[]): number {
  const unknown = issues.filter((issue) => issue.code === 'unrecognized_keys' && issue.path.length === 0);
  return issues.length + 10 * unknown.length;
}

function unknownKey(path: Path, key: string, { schema, locate }: Context): BuildError {
  const known = knownKeys(schema, path);
  const message = `Cannot read "${printPath([...path, key])}": expected one of ${known.join(', ')}`;
  return new BuildError('config/unknown-key', message, { at: locate([...path, key]), hint: suggest(key, known) });
}

function remedy(issue: z.core.$ZodIssue, found: unknown): string | undefined {
  if (issue.code === 'invalid_value') return suggest(String(found), issue.values.map(String));
  const looksOtherwise =
    issue.code === 'invalid_type' && issue.expected === 'string' && ['number', 'boolean'].includes(typeof found);
  return looksOtherwise ? 'Put it in quotes: YAML reads it as a number or a truth value' : undefined;
}

function finding(issue: z.core.$ZodIssue, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${ARTICLES[issue.expected] ?? issue.expected}, got ${describe(found)}`;
    case 'invalid_value':
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}, got ${describe(found)}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${issue.origin === 'array' ? ' element' : ''}, got ${describe(found)}`;
    case 'too_big':
      return `expected at most ${issue.maximum}, got ${describe(found)}`;
    case 'invalid_format':
      return issue.message.startsWith('expected')
        ? `${issue.message}, got ${describe(found)}`
        : `expected ${issue.format}, got ${describe(found)}`;
    default:
      return issue.message;
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  object: 'a mapping',
  string: 'a text',
};

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return JSON.stringify(value);
}

function valueAt(written: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    written,
  );
}

function printPath(path: Path): string {
  return (
    path
      .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
      .join('') || 'document'
  );
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}
