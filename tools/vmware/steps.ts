import type { Json } from '../graph/task.ts';
import type { Step, StepVoice } from '../publish/steps.ts';
import type { Site } from './site.ts';

const TITLES = {
  'create-library': 'Make the content library',
  'remove-leftover': 'Remove what a run that ended early has left',
  upload: 'Upload the OVA',
  'remove-old': 'Remove what is to be replaced',
  rename: 'Give it its name',
} as const;

/** A change of one vCenter. Plans and journals print all of it but `perform`, so nothing else may know a password. */
export type SiteStep = Step & { readonly perform: (voice: StepVoice) => Promise<Json> };

export type Draft = Pick<SiteStep, 'before' | 'after' | 'calls' | 'perform'> & {
  readonly action: keyof typeof TITLES;
};

/** Each after the one before it. */
export function chain({ name }: Site, drafts: readonly Draft[]): readonly SiteStep[] {
  const ids = drafts.map(({ action }, index) =>
    action === 'remove-leftover' ? `${action}/${name}/${index}` : `${action}/${name}`,
  );
  return drafts.map(({ action, ...draft }, index) => ({
    ...draft,
    id: ids[index] ?? '',
    title: `${TITLES[action]} in ${name}`,
    needs: ids.slice(Math.max(index - 1, 0), index),
  }));
}
