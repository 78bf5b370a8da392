import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Finding } from './finding.ts';
import { listParameters, readParameters } from './parameters.ts';
import type { Region } from './region.ts';
import { guard } from '../publish/journal.ts';
import type { SsmPublication, Wanted } from './ssm-plan.ts';

const fileSchema = z.record(z.string(), z.record(z.string(), z.string()));

/** ssm-params.json: region -> name -> value, of all that was published of an image. @throws BuildError aws/bad-ssm-file */
export function readSsmFile(path: string): Wanted {
  if (!existsSync(path)) return new Map();
  try {
    const regions = fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return new Map(Object.entries(regions).map(([region, values]) => [region, new Map(Object.entries(values))]));
  } catch (cause) {
    throw new BuildError('aws/bad-ssm-file', `Cannot read "${path}": expected {region: {name: value}}`, { cause });
  }
}

/** Adds and replaces; written aside and renamed. */
export function updateSsmFile(path: string, wanted: Wanted): void {
  const known = readSsmFile(path);
  const all = [...new Set([...known.keys(), ...wanted.keys()])].toSorted().map((region) => {
    const values = [...(known.get(region) ?? []), ...(wanted.get(region) ?? [])];
    return [region, Object.fromEntries([...new Map(values)].toSorted(([a], [b]) => (a < b ? -1 : 1)))];
  });
  guard(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
    renameSync(`${path}.part`, path);
  });
}

/** Holds each parameter that should be there against what is. `below`: nothing else may stand under that path. */
export async function validateParameters(
  { regionNames, regions }: Pick<SsmPublication, 'regionNames' | 'regions'>,
  expected: Wanted,
  below: string | undefined,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    regionNames.map(async (region): Promise<readonly Finding[]> => {
      const values = expected.get(region) ?? new Map<string, string>();
      try {
        return await validateRegion(await regions.at(region), values, below);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const names = values.size === 0 ? ['(any)'] : [...values.keys()];
        return names.map((name) => ({ region, name, status: 'unreachable' as const, differences: [why] }));
      }
    }),
  );
  return found.flat();
}

async function validateRegion(
  at: Region,
  values: ReadonlyMap<string, string>,
  below: string | undefined,
): Promise<readonly Finding[]> {
  const now = await readParameters(at, [...values.keys()]);
  const known = [...values].map(([name, value]): Finding => {
    const found = now.get(name);
    if (found === undefined) return { region: at.name, name, status: 'missing', differences: [`expected ${value}`] };
    if (found === value) return { region: at.name, name, status: 'correct', differences: [] };
    return { region: at.name, name, status: 'incorrect', differences: [`expected ${value}, got ${found}`] };
  });
  const others =
    below === undefined ? [] : [...(await listParameters(at, below))].filter(([name]) => !values.has(name));
  return [
    ...known,
    ...others.map(([name, value]): Finding => ({
      region: at.name,
      name,
      status: 'unexpected',
      differences: [`got ${value}`],
    })),
  ];
}
