import { unreachable } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import { runSteps } from '../publish/steps.ts';
import type { StepVoice } from '../publish/steps.ts';
import { readAmis, updateAmis } from './amis-file.ts';
import type { Amis } from './amis-file.ts';
import { planAmi } from './ami-plan.ts';
import type { AmiStep } from './ami-plan.ts';
import { BLOCK_BYTES } from './blocks.ts';
import { contentDigest, disksDigest, kmsKeyIn, snapshotTags } from './image-spec.ts';
import { awaitImage, copyImage, registerImage } from './images.ts';
import { findKey } from './keys.ts';
import { observe } from './observe.ts';
import type { Observed } from './observe.ts';
import { changeImage, changeSnapshot, isPublic, readImagePermissions } from './permissions.ts';
import type { Permission } from './permissions.ts';
import { baseRegion, journalPath, snapshotJournalPath } from './publication.ts';
import type { Publication } from './publication.ts';
import { readBack } from './read-back.ts';
import type { ReadBackOptions } from './read-back.ts';
import type { Region } from './region.ts';
import { assertPlanned } from './steps.ts';
import type { Step } from './steps.ts';
import { uploadSnapshot } from './upload.ts';

export interface CreateOptions {
  readonly readBack: ReadBackOptions['depth'];
  /** A plan that was looked at before: nothing beside it is done. */
  readonly saved?: readonly Pick<Step, 'id' | 'after'>[] | undefined;
}

export interface AmiPlan {
  readonly observed: Observed;
  readonly steps: readonly AmiStep[];
}

/** @throws BuildErrors all that is in the way */
export async function prepareAmi(publication: Publication): Promise<AmiPlan> {
  const observed = await observe(publication);
  return { observed, steps: planAmi(publication, observed, readAmis(publication.amisPath)) };
}

/** Makes the AMIs of all regions, or what is left to do of that. @throws BuildErrors what failed; all else is done and written down */
export async function createAmis(publication: Publication, options: CreateOptions): Promise<Amis> {
  const { observed, steps } = await prepareAmi(publication);
  assertPlanned(steps, options.saved);
  const apply = new Application(publication, observed, options);
  await runSteps('Publish', steps, {
    sink: publication.sink,
    signal: publication.signal,
    journalPath: journalPath(publication),
    verb: 'ami create',
    perform: async (step, voice) => await apply.perform(step, voice),
  });
  return readAmis(publication.amisPath);
}

/** One run of a plan: what its steps have made so far. */
class Application {
  readonly #publication: Publication;
  readonly #observed: Observed;
  readonly #options: CreateOptions;
  readonly #snapshots = new Map<string, string>();
  /** Region -> AMI. */
  readonly #images: Map<string, string>;

  constructor(publication: Publication, observed: Observed, options: CreateOptions) {
    this.#publication = publication;
    this.#observed = observed;
    this.#options = options;
    this.#images = new Map(
      observed.regions.flatMap(({ region, image }) => (image === undefined ? [] : [[region, image.id]])),
    );
  }

  async perform(step: AmiStep, voice: StepVoice): Promise<Json> {
    const at = await this.#publication.regions.at(step.region);
    switch (step.kind) {
      case 'upload-snapshot':
        return await this.#upload(at, step, voice);
      case 'register-image':
        return await this.#made(at, await registerImage(at, this.#publication.spec, this.#inOrder()));
      case 'await-image':
        return await this.#made(at, this.#image(at));
      case 'copy-image':
        return await this.#copy(at);
      case 'grant-snapshots':
        return await this.#grantSnapshots(at, step.permissions);
      case 'grant-image':
        return await this.#grantImage(at, step.permissions);
      case 'record':
        return await this.#record(at);
      default:
        return unreachable(step);
    }
  }

  async #upload(at: Region, { disk: key }: { disk: 'os' | 'data' }, voice: StepVoice): Promise<Json> {
    const { spec, config } = this.#publication;
    const disk = spec.disks.find((one) => one.disk === key) ?? spec.disks[0];
    const description = `${spec.name}, ${key} disk`;
    const uploaded = await uploadSnapshot(at, {
      spec: { disk, description, tags: snapshotTags(spec, disk) },
      journalPath: snapshotJournalPath(this.#publication, at.name, disk.sha256),
      found: this.#observed.snapshots.get(key) ?? [],
      parent: this.#observed.parents.get(key),
      kmsKey: await findKey(at, config),
      onProgress: ({ bytes, sentBlocks, throttles }) =>
        voice.progress({
          done: bytes,
          total: disk.bytes,
          unit: 'bytes',
          note: `${sentBlocks} blocks sent, ${throttles} throttles`,
        }),
    });
    await readBack(at, {
      ...uploaded,
      depth: this.#options.readBack,
      onProgress: (done, total) =>
        voice.progress({ done: done * BLOCK_BYTES, total: total * BLOCK_BYTES, unit: 'bytes', note: 'read back' }),
    });
    this.#snapshots.set(key, uploaded.snapshot);
    return { snapshot: uploaded.snapshot, blocks: uploaded.digests.size, sentBlocks: uploaded.sentBlocks };
  }

  async #copy(at: Region): Promise<Json> {
    const region = baseRegion(this.#publication);
    const image = this.#images.get(region) ?? '';
    const kmsKey = kmsKeyIn(this.#publication.config, at.name);
    return await this.#made(at, await copyImage(at, this.#publication.spec, { from: { region, image }, kmsKey }));
  }

  /** A step that makes an AMI is done when it can be used. */
  async #made(at: Region, image: string): Promise<Json> {
    this.#images.set(at.name, image);
    await awaitImage(at, image);
    return { image };
  }

  async #grantSnapshots(at: Region, permissions: readonly Permission[]): Promise<Json> {
    const { snapshots } = await awaitImage(at, this.#image(at));
    for (const snapshot of snapshots) await changeSnapshot(at, snapshot, { direction: 'grant', permissions });
    return { snapshots };
  }

  async #grantImage(at: Region, permissions: readonly Permission[]): Promise<Json> {
    const image = this.#image(at);
    await changeImage(at, image, { direction: 'grant', permissions });
    return { image };
  }

  async #record(at: Region): Promise<Json> {
    const { spec, amisPath } = this.#publication;
    const id = this.#image(at);
    const permissions = await readImagePermissions(at, id);
    const ami = {
      id,
      name: spec.name,
      public: isPublic(permissions),
      launch_permissions: [...permissions],
      content: contentDigest(spec),
      disks: disksDigest(spec.disks),
    };
    updateAmis(amisPath, { [at.name]: ami });
    return ami;
  }

  #image({ name }: Region): string {
    const image = this.#images.get(name);
    if (image === undefined)
      throw new TypeError(`a step that needs the AMI of ${name} comes after the one that makes it`);
    return image;
  }

  #inOrder(): string[] {
    return this.#publication.spec.disks.map(({ disk }) => this.#snapshots.get(disk) ?? '');
  }
}
