import type { Manifest, Path } from './manifest.ts';

/** Below these, keys are names that people chose. */
const NAMES = new Set(['repo', 'region', 's3', 'datacenter', 'vendor', 'available-keys', 'key-stack-arns']);

/** pubsys writes `signing_keys` where we write `signing-keys`; the places of both are the same. */
export function withDashes({ value, locate }: Manifest<unknown>): Manifest<unknown> {
  const original = new Map<string, Path>();
  return {
    value: dashed(value, { path: [], from: [], original }),
    locate: (path) => locate(originalOf(path, original)),
  };
}

interface Walk {
  readonly path: Path;
  readonly from: Path;
  readonly original: Map<string, Path>;
}

function dashed(value: unknown, { path, from, original }: Walk): unknown {
  if (Array.isArray(value))
    return value.map((item, index) => dashed(item, { path: [...path, index], from: [...from, index], original }));
  if (typeof value !== 'object' || value === null) return value;
  const keepsNames = NAMES.has(String(path.at(-1)));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = keepsNames ? key : key.replaceAll('_', '-');
      const walk = { path: [...path, name], from: [...from, key], original };
      original.set(JSON.stringify(walk.path), walk.from);
      return [name, dashed(inner, walk)];
    }),
  );
}

function originalOf(path: Path, original: ReadonlyMap<string, Path>): Path {
  for (let length = path.length; length > 0; length -= 1) {
    const found = original.get(JSON.stringify(path.slice(0, length)));
    if (found !== undefined) return [...found, ...path.slice(length)];
  }
  return path;
}
