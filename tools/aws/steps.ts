import { BuildError } from '../errors.ts';
import type { Step as PublishingStep } from '../publish/steps.ts';

/** One change of an account, as a plan prints it. Its calls are actions of IAM. */
export interface Step extends PublishingStep {
  readonly region: string;
  readonly account: string;
}

/**
 * Holds what is to be done against a plan that somebody has looked at: nothing beside it is done.
 * @throws BuildError aws/plan-outdated
 */
export function assertPlanned(steps: readonly Step[], saved: readonly Pick<Step, 'id' | 'after'>[] | undefined): void {
  if (saved === undefined) return;
  const known = new Map(saved.map((step) => [step.id, JSON.stringify(step.after)]));
  const others = steps.filter(({ id, after }) => known.get(id) !== JSON.stringify(after)).map(({ id }) => id);
  if (others.length === 0) return;
  throw new BuildError('aws/plan-outdated', `Cannot apply the saved plan: it does not say ${others.join(', ')}`, {
    hint: 'Things have changed since: make the plan again, look at it, and apply that one',
  });
}
