import type { Arch } from '../config/arch.ts';
import type { Located } from '../config/project.ts';
import { platformOf } from '../config/variant.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Artifact } from '../image/tasks.ts';
import { imageTasks, signableImage } from '../image/tasks.ts';
import type { ImageOptions, SignableImage } from '../image/tasks.ts';
import { KMOD_KIT_OCI_SUFFIX, KMOD_KIT_SUFFIX, type ImageName } from '../image/names.ts';
import { KMOD_KIT } from '../kit/kmod-kit.ts';
import { KIT_OCI } from '../kit/oci.ts';
import type { Task } from '../graph/task.ts';
import { installTask } from '../rpm/install.ts';
import { packagedLoaders } from '../secure-boot/chain.ts';
import type { ChainParts } from '../secure-boot/chain.ts';
import type { Catalogue, Rpm } from '../rpm/resolve.ts';
import type { ArchTasks, KitTasks } from './arch-tasks.ts';
import { checkTemplate, withOva } from './ova.ts';
import { PACKAGE_PREFIX } from './packages.ts';
import type { Workbench } from './workbench.ts';

/** The boot loader is no part of a root: its images are written into the disk. */
const BOOT_LOADER = `${PACKAGE_PREFIX}grub`;
/** Firmware's first step under Secure Boot, with a place for the certificate of whoever signs. */
const SHIM = `${PACKAGE_PREFIX}shim`;

export interface VariantPlan {
  readonly variant: Variant;
  readonly arch: Arch;
  readonly name: ImageName;
  /** The closed set that is installed. */
  readonly rpms: readonly Rpm[];
  /** All of an image, or of one with a signed boot chain what no signature reaches. */
  readonly artifacts: readonly Artifact[];
  readonly signing: SigningPlan | undefined;
  /** Every fetch it can come to, for `fetch`. */
  readonly sources: readonly Task[];
}

/** What is signed, and how the image goes on with it. */
export interface SigningPlan extends Pick<ChainParts, 'shim' | 'grub'> {
  readonly image: SignableImage;
}

export interface PlanOptions {
  readonly common: ArchTasks;
  readonly buildId: string;
}

/** One variant for one architecture as tasks. @throws BuildErrors what its packages lack */
export function planVariant(bench: Workbench, variant: Located<Variant>, options: PlanOptions): VariantPlan {
  const { common, buildId } = options;
  const { arch, catalogue, packages: tasks } = common;
  const { sandbox, sdk, imageTools, project } = bench;
  checkArch(variant, arch);
  checkTemplate(bench, variant);
  const { rpms, grub, shim, archive, order } = choose(variant, catalogue);
  const install = installTask({
    sandbox,
    sdk,
    arch,
    variant: variant.name,
    publisher: project.release['pretty-name'],
    rpms: tasks.rpms(rpms),
  });
  const { name: osName, version } = project.release;
  const boot = { grub: tasks.unpack(grub), shim: shim === undefined ? undefined : tasks.unpack(shim) };
  const image = { sandbox, tools: imageTools, variant, arch, release: project.release, buildId, install };
  const name = { osName, variant: variant.name, arch, version, buildId };
  const { artifacts, signing } = planImage({ ...image, grub: boot.grub }, boot.shim);
  return {
    variant,
    arch,
    rpms,
    name,
    artifacts: [
      // What is signed has its disks at the end.
      ...(signing === undefined ? withOva(bench, { variant, name, artifacts }) : artifacts),
      ...(archive === undefined ? [] : kitArtifacts(common.kit(archive))),
    ],
    signing,
    sources: order.flatMap((each) => [...tasks.sources(each).values()]),
  };
}

function kitArtifacts({ kit, oci }: KitTasks): readonly Artifact[] {
  return [
    { suffix: KMOD_KIT_SUFFIX, task: kit, output: KMOD_KIT },
    { suffix: KMOD_KIT_OCI_SUFFIX, task: oci, output: KIT_OCI },
  ];
}

function planImage(options: ImageOptions, shim: Task | undefined): Pick<VariantPlan, 'artifacts' | 'signing'> {
  if (shim === undefined) return { artifacts: imageTasks(options), signing: undefined };
  const image = signableImage(options);
  return {
    artifacts: image.artifacts,
    signing: { image, ...packagedLoaders(options.arch, { shim, grub: options.grub }) },
  };
}

interface Choice {
  readonly rpms: readonly Rpm[];
  readonly grub: Rpm;
  /** For a boot chain that is signed. */
  readonly shim: Rpm | undefined;
  /** The development tree of the kernel that is installed. */
  readonly archive: Rpm | undefined;
  /** Packages to build, each after what it is built with. */
  readonly order: readonly string[];
}

function choose(variant: Located<Variant>, catalogue: Catalogue): Choice {
  const errors: BuildError[] = [];
  const asker = `variant "${variant.name}"`;
  const wanted = variant.packages.map((name) => `${PACKAGE_PREFIX}${name}`);
  const locate = (capability: string) => variant.locate(['packages', wanted.indexOf(capability)]);
  const rpms = catalogue.closure(wanted, { asker, errors, locate, platform: platformOf(variant) });
  const isSigned = variant.image.features['uefi-secure-boot'];
  const [grub] = catalogue.closure([BOOT_LOADER], { asker, errors });
  const [shim] = isSigned ? catalogue.closure([SHIM], { asker, errors }) : [];
  const loaders = [grub, shim].filter((rpm) => rpm !== undefined);
  const order = catalogue.buildOrder([...new Set([...rpms, ...loaders].map((rpm) => rpm.package))], errors);
  throwAll(errors);
  if (grub === undefined) throw new TypeError('a choice without complaints has a boot loader');
  return { rpms, grub, shim, archive: findArchive(rpms, catalogue), order };
}

/** A kernel's spec makes it beside the kernel; it is no part of a root. */
function findArchive(rpms: readonly Rpm[], catalogue: Catalogue): Rpm | undefined {
  const kernel = rpms.find(({ name }) => name.startsWith(`${PACKAGE_PREFIX}kernel-`));
  if (kernel === undefined) return undefined;
  const archive = catalogue.facts(kernel.package).subpackages.find(({ name }) => name === `${kernel.name}-archive`);
  return archive === undefined ? undefined : { ...archive, package: kernel.package };
}

function checkArch(variant: Located<Variant>, arch: Arch): void {
  if (variant.arches.includes(arch)) return;
  throw new BuildError(
    'config/wrong-arch',
    `Cannot build variant "${variant.name}" for ${arch}: it lists ${variant.arches.join(' and ')}`,
    {
      at: variant.locate(['arches']),
      hint: `Add ${arch} to arches, or leave out --arch`,
    },
  );
}
