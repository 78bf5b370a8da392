import { digestOf, type Sha256 } from './digest.ts';
import type { Json } from './task.ts';

/** A key document in its one spelling: names sorted by code unit, nothing between the tokens, absent fields left out. */
export function printKey(document: Json): string {
  return JSON.stringify(sortNames(document));
}

export function hashKey(printed: string): Sha256 {
  return digestOf(printed).hash;
}

function sortNames(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map(sortNames);
  const sorted: Record<string, Json> = {};
  for (const name of Object.keys(value).toSorted(byCodeUnit)) {
    const field = value[name];
    if (field !== undefined) sorted[name] = sortNames(field);
  }
  return sorted;
}

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** One field that two key documents disagree on; `undefined` is "not there". */
export interface KeyDifference {
  /** `env.CFLAGS`, `inputs./slipway/build/SOURCES/a.patch`, `layers[3]`. */
  readonly field: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

export function diffKeys(before: Json | undefined, after: Json | undefined, field = ''): KeyDifference[] {
  if (isRecord(before) && isRecord(after)) return diffRecords(before, after, field);
  if (isList(before) && isList(after)) return diffLists(before, after, field);
  return isSame(before, after) ? [] : [{ field, before, after }];
}

function diffRecords(before: JsonRecord, after: JsonRecord, field: string): KeyDifference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .toSorted(byCodeUnit)
    .flatMap((name) => diffKeys(before[name], after[name], field === '' ? name : `${field}.${name}`));
}

/** Lists are compared from both ends, so that one inserted argument is one difference. */
function diffLists(before: readonly Json[], after: readonly Json[], field: string): KeyDifference[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start += 1;
  let end = 0;
  while (end < shorter - start && isSame(before.at(-1 - end), after.at(-1 - end))) end += 1;
  const middle = Math.max(before.length, after.length) - start - end;
  return Array.from({ length: middle }, (_, index) => start + index).flatMap((at) =>
    diffKeys(
      at < before.length - end ? before[at] : undefined,
      at < after.length - end ? after[at] : undefined,
      `${field}[${at}]`,
    ),
  );
}

type JsonRecord = Readonly<Record<string, Json | undefined>>;

/** A digest is a leaf: it changes as one, and hash and size apart would be two differences for one fact. */
function isRecord(value: Json | undefined): value is JsonRecord {
  return typeof value === 'object' && value !== null && !isList(value) && !('hash' in value && 'size' in value);
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return printKey(a) === printKey(b);
}
