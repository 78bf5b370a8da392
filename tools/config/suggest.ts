import { closest, distance } from 'fastest-levenshtein';

/** `Did you mean "x"?` for the nearest name, when it is near. */
export function suggest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const near = closest(name, [...known]);
  return distance(name, near) <= Math.max(2, Math.floor(name.length / 3)) ? `Did you mean "${near}"?` : undefined;
}
