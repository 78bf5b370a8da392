import type { Arch } from '../config/arch.ts';
import type { Located } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Artifact } from '../image/tasks.ts';
import { imageTasks } from '../image/tasks.ts';
import type { ImageName } from '../image/names.ts';
import type { Task } from '../graph/task.ts';
import { installTask } from '../rpm/install.ts';
import type { Catalogue, Rpm } from '../rpm/resolve.ts';
import { PackageTasks } from './packages.ts';
import type { Workbench } from './workbench.ts';

/** What every spec's own name begins with (%osname): manifests leave it out. */
const PACKAGE_PREFIX = 'slipway-';

/** The boot loader is no part of a root: its images are written into the disk. */
const BOOT_LOADER = `${PACKAGE_PREFIX}grub`;

export interface VariantPlan {
  readonly variant: Variant;
  readonly arch: Arch;
  readonly name: ImageName;
  /** The closed set that is installed. */
  readonly rpms: readonly Rpm[];
  readonly artifacts: readonly Artifact[];
  /** Every fetch it can come to, for `fetch`. */
  readonly sources: readonly Task[];
}

export interface PlanOptions {
  readonly arch: Arch;
  readonly buildId: string;
  readonly catalogue: Catalogue;
}

/** One variant for one architecture as tasks. @throws BuildErrors what its packages lack */
export function planVariant(bench: Workbench, variant: Located<Variant>, options: PlanOptions): VariantPlan {
  const { arch, buildId, catalogue } = options;
  const { sandbox, sdk, imageTools, project } = bench;
  checkArch(variant, arch);
  const { rpms, grub, order } = choose(variant, catalogue);
  const tasks = new PackageTasks(bench, { arch, catalogue });
  const install = installTask({
    sandbox,
    sdk,
    arch,
    variant: variant.name,
    publisher: project.release['pretty-name'],
    rpms: tasks.rpms(rpms),
  });
  const { name: osName, version } = project.release;
  return {
    variant,
    arch,
    rpms,
    name: { osName, variant: variant.name, arch, version, buildId },
    artifacts: imageTasks({
      sandbox,
      tools: imageTools,
      variant,
      arch,
      release: project.release,
      buildId,
      install,
      grub: tasks.unpack(grub),
    }),
    sources: order.flatMap((name) => [...tasks.sources(name).values()]),
  };
}

interface Choice {
  readonly rpms: readonly Rpm[];
  readonly grub: Rpm;
  /** Packages to build, each after what it is built with. */
  readonly order: readonly string[];
}

function choose(variant: Located<Variant>, catalogue: Catalogue): Choice {
  const errors: BuildError[] = [];
  const asker = `variant "${variant.name}"`;
  const wanted = variant.packages.map((name) => `${PACKAGE_PREFIX}${name}`);
  const locate = (capability: string) => variant.locate(['packages', wanted.indexOf(capability)]);
  const rpms = catalogue.closure(wanted, { asker, errors, locate });
  const [grub] = catalogue.closure([BOOT_LOADER], { asker, errors });
  const order = catalogue.buildOrder(
    [...new Set([...rpms, ...(grub ? [grub] : [])].map((rpm) => rpm.package))],
    errors,
  );
  throwAll(errors);
  if (grub === undefined) throw new TypeError('a choice without complaints has a boot loader');
  return { rpms, grub, order };
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
