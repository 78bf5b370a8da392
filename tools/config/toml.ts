import { getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import type { AST } from 'toml-eslint-parser';

import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Manifest, Path } from './manifest.ts';
import { readText } from './text.ts';

/** What is written in a TOML file, not held against anything yet; complaints are added to `errors`. */
export function readToml(file: string, errors: BuildError[]): Manifest<unknown> | undefined {
  const text = readText(file, errors);
  if (text === undefined) return undefined;
  try {
    const program = parseTOML(text);
    const places = new Map<string, Location>();
    for (const item of program.body[0].body) collectItem(item, [], { file, places });
    return { value: getStaticTOMLValue(program), locate: (path) => nearest(path, { file, places }) };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const at = { file, line: error.lineNumber, column: error.column + 1 };
    const finding = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    errors.push(new BuildError('config/not-toml', `Cannot read "${file}": ${finding}`, { at }));
    return undefined;
  }
}

interface Places {
  readonly file: string;
  /** By the JSON of a path. */
  readonly places: Map<string, Location>;
}

/** A table's items stand below its name, a dotted key is a path, and lists and tables may stand in one another. */
function collectItem(item: AST.TOMLTable | AST.TOMLKeyValue, parent: Path, found: Places): void {
  if (item.type === 'TOMLTable') {
    note(item.resolvedKey, item.key, found);
    for (const inner of item.body) collectItem(inner, item.resolvedKey, found);
    return;
  }
  const path = [...parent, ...item.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))];
  note(path, isCollection(item.value) ? item.key : item.value, found);
  collectValue(item.value, path, found);
}

function collectValue(value: AST.TOMLContentNode, path: Path, found: Places): void {
  if (value.type === 'TOMLInlineTable') for (const item of value.body) collectItem(item, path, found);
  if (value.type !== 'TOMLArray') return;
  for (const [index, element] of value.elements.entries()) {
    note([...path, index], element, found);
    collectValue(element, [...path, index], found);
  }
}

function isCollection({ type }: AST.TOMLContentNode): boolean {
  return type === 'TOMLArray' || type === 'TOMLInlineTable';
}

function note(path: Path, { loc }: AST.TOMLNode, { file, places }: Places): void {
  places.set(JSON.stringify(path), { file, line: loc.start.line, column: loc.start.column + 1 });
}

function nearest(path: Path, { file, places }: Places): Location {
  for (let length = path.length; length > 0; length -= 1) {
    const place = places.get(JSON.stringify(path.slice(0, length)));
    if (place !== undefined) return place;
  }
  return { file, line: 1, column: 1 };
}
