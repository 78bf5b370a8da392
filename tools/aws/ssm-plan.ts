import { BuildError, throwAll } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import type { StepVoice } from '../publish/steps.ts';
import { describeImages } from './images.ts';
import type { Put } from './parameters.ts';
import { readParameters, writeParameters } from './parameters.ts';
import { whoAmI } from './preflight.ts';
import { inEachRegion } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import type { Change, SsmHistory } from './ssm-history.ts';
import type { Step } from './steps.ts';

/** Region -> name -> value. */
export type Wanted = ReadonlyMap<string, ReadonlyMap<string, string>>;

export type SsmStep = Step & { readonly puts: readonly Put[] };

export type SsmPublication = Pick<Publication, 'regionNames' | 'regions' | 'config'>;

export interface SsmRules {
  readonly ifThere: 'replace' | 'refuse';
  readonly privateImages: 'allow' | 'refuse';
}

/** @throws BuildErrors what would be overwritten, and which AMIs are not public, in every region */
export async function planParameters(
  publication: SsmPublication,
  wanted: Wanted,
  rules: SsmRules,
): Promise<readonly SsmStep[]> {
  const steps = await inEachRegion(publication, async (at): Promise<SsmStep[]> => {
    const values = wanted.get(at.name) ?? new Map<string, string>();
    const account = await whoAmI(at);
    const now = await readParameters(at, [...values.keys()]);
    const puts = [...values]
      .map(([name, value]) => ({ name, value, before: now.get(name) ?? null }))
      .filter(({ value, before }) => value !== before);
    const errors = rules.ifThere === 'refuse' ? puts.flatMap((put) => overwritten(at, put)) : [];
    if (rules.privateImages === 'refuse') errors.push(...(await privateImages(at, publication, values)));
    throwAll(errors);
    return puts.length === 0 ? [] : [putStep({ region: at.name, account, puts, verb: 'Write' })];
  });
  return steps.flat();
}

function putStep({
  region,
  account,
  puts,
  verb,
}: {
  region: string;
  account: string;
  puts: readonly Put[];
  verb: string;
}): SsmStep {
  const removes = puts.some(({ value }) => value === null);
  const writes = puts.some(({ value }) => value !== null);
  return {
    puts,
    id: `parameters/${region}`,
    title: `${verb} ${puts.length} ${puts.length === 1 ? 'parameter' : 'parameters'} in ${region}`,
    region,
    account,
    calls: [...(writes ? ['ssm:PutParameter'] : []), ...(removes ? ['ssm:DeleteParameters'] : []), 'ssm:GetParameters'],
    before: Object.fromEntries(puts.map(({ name, before }) => [name, before])),
    after: Object.fromEntries(puts.map(({ name, value }) => [name, value])),
    needs: [],
  };
}

function overwritten(at: Region, { name, value, before }: Put): BuildError[] {
  if (before === null) return [];
  return [
    new BuildError(
      'aws/would-overwrite',
      `Cannot write parameter "${name}" in ${at.name}: expected ${value}, it holds ${before}`,
      {
        hint: 'Overwrite it with --allow-clobber; the value before is kept for "ssm undo"',
      },
    ),
  ];
}

/** What everybody reads must name what everybody can start. */
async function privateImages(
  at: Region,
  { config }: SsmPublication,
  values: ReadonlyMap<string, string>,
): Promise<BuildError[]> {
  const open = [...values].filter(([name]) => config['ssm-public'].some((prefix) => name.startsWith(prefix)));
  const ids = [...new Set(open.map(([, value]) => value).filter((value) => /^ami-[0-9a-f]+$/.test(value)))];
  const images = new Map((await describeImages(at, ids)).map((image) => [image.id, image]));
  return ids
    .filter((id) => images.get(id)?.public !== true)
    .map((id) => {
      const finding = images.has(id) ? 'it is not public' : 'it is not there';
      const names = open.filter(([, value]) => value === id).map(([name]) => name);
      return new BuildError(
        'aws/private-image',
        `Cannot name AMI "${id}" in ${names.join(', ')} in ${at.name}: ${finding}`,
        {
          hint: 'Make it public first (ami public), or insist with --allow-private-images',
        },
      );
    });
}

/** Values of before the last change. @throws BuildErrors where somebody has changed them since */
export async function planUndo(
  publication: SsmPublication,
  change: Change,
  ifChanged: SsmRules['ifThere'],
): Promise<readonly SsmStep[]> {
  const steps = await inEachRegion(publication, async (at): Promise<SsmStep[]> => {
    const puts = [...(change.regions.get(at.name)?.values() ?? [])];
    if (puts.length === 0) return [];
    const account = await whoAmI(at);
    const now = await readParameters(
      at,
      puts.map(({ name }) => name),
    );
    const back = puts
      .map(({ name, before, value }) => ({ name, value: before, before: now.get(name) ?? null, left: value }))
      .filter(({ value, before }) => value !== before);
    const changed = ifChanged === 'refuse' ? back.filter(({ before, left }) => before !== left) : [];
    throwAll(
      changed.map(
        ({ name, before, left }) =>
          new BuildError(
            'aws/changed-since',
            `Cannot take back parameter "${name}" in ${at.name}: expected ${left ?? 'none'}, it holds ${before ?? 'none'}`,
            {
              hint: 'Somebody has changed it since; overwrite that with --allow-clobber',
            },
          ),
      ),
    );
    const undone = back.map(({ name, value, before }) => ({ name, value, before }));
    return undone.length === 0 ? [] : [putStep({ region: at.name, account, puts: undone, verb: 'Take back' })];
  });
  return steps.flat();
}

/** `history` is told before the first value changes; absent when it is history that is being undone. */
export async function performPuts(
  { regions }: Pick<Publication, 'regions'>,
  { region, puts }: SsmStep,
  { voice, history, change }: { voice: StepVoice; history: SsmHistory | undefined; change: string },
): Promise<Json> {
  const at = await regions.at(region);
  history?.add(change, region, puts);
  await writeParameters(at, puts, (done) =>
    voice.progress({ done, total: puts.length, unit: 'items', note: `${at.lanes.ssm.throttles} throttles` }),
  );
  return { parameters: puts.length };
}
