import { BuildError } from '../errors.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { parseGrubConfig } from '../image/boot-config.ts';
import { bootTask, verityTask } from '../image/partitions.ts';
import type { ImageBench } from '../image/partitions.ts';
import { changedRootTask, takeContentsTask, taken } from '../image/repack.ts';
import { disksAndBoot, rootArtifacts, signableFoundation } from '../image/tasks.ts';
import type { Foundation } from '../image/tasks.ts';
import { readFile } from '../secure-boot/bytes-task.ts';
import { takeApart } from './given-image.ts';
import { withOva } from './ova.ts';
import { changeParameters, checkFiles, filesOf, listsOf } from './repack-given.ts';
import type { RepackRequest } from './repack-given.ts';
import type { VariantPlan } from './variant.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/** What a file name of an image says that was repacked. */
const REPACKED = '-repacked';

/**
 * A finished image as a plan: what of it changes is made anew, all else is taken as it is.
 * @throws BuildErrors image/not-built, image/other-layout, image/other-boot-config, image/not-certificates, image/no-parameter
 */
export async function planRepack(bench: Workbench, request: RepackRequest): Promise<VariantPlan> {
  const { variant, arch } = request;
  checkFiles(request);
  const { name, image, apart, disk } = await takeApart(bench, request);
  const rootType = variant.image.features['erofs-root'] ? 'erofs' : 'ext4';
  const contents = takeContentsTask(image, apart, rootType);
  const result = await runPhase(bench, 'Take out what it is made of', [contents]);
  const repack: Repack = { bench, request, image, apart, contents, rootType, disk };
  const { foundation, changed, signed } = await assemble(repack, result);
  const lists = await listsOf(bench, request, name);
  const renamed = { ...name, buildId: `${name.buildId.replace(REPACKED, '')}${REPACKED}` };
  const plan = { variant, arch, name: renamed, rpms: [], sources: [] };
  if (!signed) {
    const chain = {
      esp: taken(image, apart, 'esp'),
      boot: changed ? bootTask(image, foundation.boot) : taken(image, apart, 'boot'),
    };
    const artifacts = [...disksAndBoot(foundation, chain), ...rootArtifacts(foundation), ...lists];
    return { ...plan, artifacts: withOva(bench, { variant, name: renamed, artifacts }), signing: undefined };
  }
  const signable = signableFoundation(foundation, lists);
  const loader = (output: string) => ({ task: contents, output });
  const signing = { image: signable, shim: loader('boot.efi'), grub: loader('grub.efi') };
  return { ...plan, artifacts: signable.artifacts, signing };
}

interface Repack {
  readonly bench: Workbench;
  readonly request: RepackRequest;
  readonly image: ImageBench;
  readonly apart: Task;
  readonly contents: Task;
  readonly rootType: 'erofs' | 'ext4';
  readonly disk: string;
}

interface Assembled {
  readonly foundation: Foundation;
  /** Whether root, and with it its hash tree, or the kernel line is another. */
  readonly changed: boolean;
  readonly signed: boolean;
}

async function assemble(repack: Repack, result: Inputs): Promise<Assembled> {
  const { bench, request, image, apart, contents, rootType } = repack;
  const { variant, arch } = request;
  const read = (output: string): Buffer => readFile(bench.store, result, { task: contents, output });
  const config = parseGrubConfig(read('grub.cfg').toString());
  checkSigned(repack, { isSigned: config.signed, hasShim: read('grub.efi').length > 0 });
  const files = await filesOf(bench, request, read('triple').toString());
  const own = taken(image, apart, 'root');
  const root = files.size === 0 ? own : changedRootTask(image, { root: own, type: rootType, contents, files });
  const verity = files.size === 0 ? taken(image, contents, 'verity') : verityTask(image, root);
  const salt = files.size === 0 ? config.verity.salt : undefined;
  const kernelParameters = changeParameters(config.kernelParameters, request);
  const changed = files.size > 0 || kernelParameters.join('\0') !== config.kernelParameters.join('\0');
  const boot = { install: contents, root, verity, salt, title: config.title, kernelParameters };
  const bios = arch === 'x86_64' ? taken(image, apart, 'bios') : undefined;
  return {
    foundation: { bench: image, boot, bios, rootType, format: variant.image.format },
    changed,
    signed: config.signed,
  };
}

/** The variant says how its chain is made; an image of the other kind has not got what that takes. */
function checkSigned(
  { request: { variant }, disk }: Repack,
  { isSigned, hasShim }: { readonly isSigned: boolean; readonly hasShim: boolean },
): void {
  const wanted = variant.image.features['uefi-secure-boot'];
  if (wanted === isSigned && isSigned === hasShim) return;
  const [expected, got] = [wanted, isSigned].map((signed) => (signed ? 'signed' : 'not signed'));
  throw new BuildError(
    'image/other-layout',
    `Cannot repack "${disk}": expected an image whose boot chain is ${expected}, as variant "${variant.name}" says, got one whose chain is ${got}`,
    {
      at: variant.locate(['image', 'features', 'uefi-secure-boot']),
      hint: wanted
        ? 'shim and GRUB with a place for a key come with a build alone: build the image with this feature'
        : 'Set image.features.uefi-secure-boot to true, as it was when the image was built',
    },
  );
}
