import type { Step as AwsStep } from '../aws/steps.ts';
import type { Json } from '../graph/task.ts';
import type { Step } from '../publish/steps.ts';

/** A plan as a person reads it: each step, its calls, and what it changes. */
export function describeSteps(steps: readonly (Step | AwsStep)[]): string {
  if (steps.length === 0) return 'Nothing to do: all of it is there';
  const blocks = steps.map(({ title, calls, before, after, ...place }) =>
    [
      title,
      ...('region' in place ? [`    where   ${place.region}, account ${place.account}`] : []),
      ...(calls.length === 0 ? [] : [`    calls   ${calls.join(', ')}`]),
      ...describeChange('before', before),
      ...describeChange('after', after),
    ].join('\n'),
  );
  return [...blocks, `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}; nothing was changed`].join('\n');
}

function describeChange(when: string, value: Json): string[] {
  const isTree = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isTree) return [`    ${when.padEnd(8)}${print(value)}`];
  return Object.entries(value).flatMap(([key, inner], index) =>
    inner === undefined ? [] : [`    ${(index === 0 ? when : '').padEnd(8)}${key}: ${print(inner)}`],
  );
}

function print(value: Json): string {
  if (value === null) return 'nothing';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
