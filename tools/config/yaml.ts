import { readFileSync } from 'node:fs';

import { closest, distance } from 'fastest-levenshtein';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import { knownKeys } from './schema-keys.ts';

type Path = readonly PropertyKey[];

/** What a manifest's text says, and where each part of it stands. */
export interface Manifest<T> {
  readonly value: T;
  /** The place of a value, or of its nearest parent that is written down. */
  readonly locate: (path: Path) => Location;
}

/** Reads a manifest; complaints are added to `errors`, all of them, and the result is then undefined. */
export function readManifest<S extends z.ZodType>(
  file: string,
  schema: S,
  errors: BuildError[],
): Manifest<z.output<S>> | undefined {
  const text = readText(file, errors);
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Location => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  for (const problem of document.errors) {
    errors.push(
      new BuildError('config/not-yaml', `Cannot read "${file}": ${lowerFirst(problem.message)}`, {
        at: at(problem.pos[0]),
      }),
    );
  }
  if (document.errors.length > 0) return undefined;
  const locate = (path: Path): Location => at(offsetOf(document, path));
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return { value: freeze(parsed.data), locate };
  const context = { schema, document, locate };
  for (const issue of parsed.error.issues) errors.push(...complaints(issue, [], context));
  return undefined;
}

interface Context {
  readonly schema: z.ZodType;
  readonly document: Document;
  readonly locate: (path: Path) => Location;
}

function complaints(issue: z.core.$ZodIssue, parent: Path, context: Context): BuildError[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, context));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [best] = issue.errors.toSorted((a, b) => strangeness(a) - strangeness(b));
    return (best ?? []).flatMap((nested) => complaints(nested, path, context));
  }
  const node = context.document.getIn(path);
  const found: unknown = isNode(node) ? node.toJSON() : node;
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

/** `Did you mean "x"?` for the nearest name, when it is near. */
export function suggest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const near = closest(name, [...known]);
  return distance(name, near) <= Math.max(2, Math.floor(name.length / 3)) ? `Did you mean "${near}"?` : undefined;
}

/** Offset of a written value, or of its nearest parent that is written; a mapping or list stands where its key does. */
function offsetOf(document: Document, path: Path): number {
  let here: Place = { node: document.contents, offset: startOf(document.contents) };
  for (const step of path) {
    const next = child(here.node, step);
    if (next === undefined) break;
    here = next;
  }
  return here.offset;
}

interface Place {
  readonly node: unknown;
  readonly offset: number;
}

function child(node: unknown, step: PropertyKey): Place | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { node: item, offset: startOf(item) };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
  if (pair === undefined) return undefined;
  return { node: pair.value, offset: startOf(isScalar(pair.value) ? pair.value : pair.key) };
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function printPath(path: Path): string {
  return (
    path
      .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
      .join('') || 'document'
  );
}

function readText(file: string, errors: BuildError[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    errors.push(new BuildError('config/unreadable', `Cannot read "${file}"`, { cause }));
    return undefined;
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
