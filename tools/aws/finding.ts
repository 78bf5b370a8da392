import { BuildError, Drift } from '../errors.ts';

export const STATUSES = ['correct', 'incorrect', 'missing', 'unexpected', 'unreachable'] as const;
export type Status = (typeof STATUSES)[number];

/** What one check gave: of an AMI in a region, or of a parameter. */
export interface Finding {
  readonly region: string;
  readonly name: string;
  readonly status: Status;
  /** `public: expected true, got false` */
  readonly differences: readonly string[];
}

/** The difference of one fact, if there is any. */
export function difference(what: string, expected: unknown, found: unknown): readonly string[] {
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(found)];
  return wanted === got ? [] : [`${what}: expected ${wanted}, got ${got ?? 'nothing'}`];
}

/** @throws Drift where anything is not as it should be: the run then ends with status 2 */
export function throwDrift(findings: readonly Finding[], hint: string): void {
  const wrong = findings.filter(({ status }) => status !== 'correct');
  if (wrong.length === 0) return;
  throw new Drift(
    wrong.map(
      ({ region, name, status, differences }) =>
        new BuildError('aws/drift', `Cannot vouch for "${name}" in ${region}: ${[status, ...differences].join('; ')}`, {
          hint,
        }),
    ),
  );
}
