import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import { checkManifest } from './manifest.ts';
import type { Manifest, Path } from './manifest.ts';
import { readText } from './text.ts';

/** Reads a manifest; complaints are added to `errors`, all of them, and the result is then undefined. */
export function readManifest<S extends z.ZodType>(
  file: string,
  schema: S,
  errors: BuildError[],
): Manifest<z.output<S>> | undefined {
  const written = readYaml(file, errors);
  return written === undefined ? undefined : checkManifest(written, schema, errors);
}

/** What is written in a YAML file, not held against anything yet. */
export function readYaml(file: string, errors: BuildError[]): Manifest<unknown> | undefined {
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
  try {
    return { value: document.toJS() ?? {}, locate };
  } catch (cause) {
    // An alias whose anchor is nowhere, or that stands for too much.
    const message = `Cannot read "${file}": expected every alias (*name) to have its anchor (&name) before it`;
    errors.push(new BuildError('config/not-yaml', message, { at: at(0), cause }));
    return undefined;
  }
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

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
