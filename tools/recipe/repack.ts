import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import type { Located } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError, throwAll } from '../errors.ts';
import { givenTask, GIVEN } from '../graph/given-task.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { parseGrubConfig } from '../image/boot-config.ts';
import { planLayout } from '../image/layout.ts';
import {
  diskSuffix,
  fileName,
  INVENTORY_SUFFIX,
  KMOD_KIT_SUFFIX,
  MIGRATIONS_SUFFIX,
  PACKAGES_SUFFIX,
} from '../image/names.ts';
import type { ImageName } from '../image/names.ts';
import { bootTask, verityTask } from '../image/partitions.ts';
import type { FileOutput, ImageBench } from '../image/partitions.ts';
import { changedRootTask, checkTable, osDisk, takeApartTask, takeContentsTask, taken } from '../image/repack.ts';
import { disksAndBoot, rootArtifacts, signableFoundation } from '../image/tasks.ts';
import type { Artifact, Foundation } from '../image/tasks.ts';
import { readFile } from '../secure-boot/bytes-task.ts';
import { parseRoot } from '../tuf/metadata.ts';
import { withOva } from './ova.ts';
import type { VariantPlan } from './variant.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export interface RepackRequest {
  readonly variant: Located<Variant>;
  readonly arch: Arch;
  /** A folder with the files of an image, as a build or a download leaves them. */
  readonly from: string;
  /** PEM certificates in place of those that the image trusts. */
  readonly caBundle?: string | undefined;
  /** root.json of the repository that the image takes updates from. */
  readonly updateRoot?: string | undefined;
  readonly addParameters: readonly string[];
  readonly removeParameters: readonly string[];
}

/** Where root has them, below its triple. */
const CA_BUNDLE = 'sys-root/usr/share/factory/etc/pki/tls/certs/ca-bundle.crt';
const UPDATE_ROOT = 'sys-root/usr/share/updog/root.json';

/** What a file name of an image says that was repacked. */
const REPACKED = '-repacked';

/**
 * A finished image as a plan: what of it changes is made anew, all else is taken as it is.
 * @throws BuildErrors image/not-built, image/other-layout, image/other-boot-config, image/not-certificates, image/no-parameter
 */
export async function planRepack(bench: Workbench, request: RepackRequest): Promise<VariantPlan> {
  const { variant, arch } = request;
  const { imageTools: tools, sandbox, project } = bench;
  const name = findImage(bench, request);
  const layout = planLayout({ image: variant.image, osName: project.release.name });
  const image: ImageBench = { sandbox, tools, variant: variant.name, arch, release: project.release, layout };
  const disk = join(request.from, fileName(name, diskSuffix('os', variant.image.format)));
  checkFiles(request);
  const source = await given(bench, 'given-disk', { path: disk, name });
  const apart = takeApartTask(image, source, variant.image.format);
  const first = await runPhase(bench, 'Take the image apart', [apart]);
  throwAll(
    checkTable(osDisk(layout), readFile(bench.store, first, { task: apart, output: 'table.json' }).toString(), disk),
  );
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

/** Files of the image's own name; of several versions the one that `latest` would be is not guessed. @throws BuildError image/not-built */
function findImage({ project }: Workbench, { variant, arch, from }: RepackRequest): ImageName {
  const osName = project.release.name;
  const suffix = diskSuffix('os', variant.image.format);
  const start = `${osName}-${variant.name}-${arch}-`;
  const pattern = new RegExp(`^${literal(start)}(\\d[^-]*)-(.+)${literal(suffix)}$`);
  const names = (existsSync(from) ? readdirSync(from) : [])
    .map((file) => pattern.exec(file))
    .filter((found) => found !== null);
  const [first, ...others] = names.filter(([, , buildId = '']) => !/(?:^|-)data$/.test(buildId));
  const [, version = '', buildId = ''] = first ?? [];
  if (first !== undefined && others.length === 0) return { osName, variant: variant.name, arch, version, buildId };
  const got = first === undefined ? 'none' : [first, ...others].map(([file]) => file).join(', ');
  throw new BuildError(
    'image/not-built',
    `Cannot repack variant "${variant.name}" for ${arch}: expected one image ${start}<version>-<build>${suffix} in "${from}", got ${got}`,
    { hint: 'Build the image, or bring it by "repo download", and name its folder by --from' },
  );
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

async function given(
  { store }: Workbench,
  kind: string,
  { path, name }: { readonly path: string; readonly name: ImageName },
): Promise<FileOutput> {
  const task = await givenTask(store, path, {
    id: `${kind}/${name.variant}.${name.arch}`,
    title: 'Take the file that is given',
  });
  return { task, output: GIVEN };
}

/** What stands beside an image and is about what does not change. */
async function listsOf(bench: Workbench, { from }: RepackRequest, name: ImageName): Promise<readonly Artifact[]> {
  const there = [INVENTORY_SUFFIX, PACKAGES_SUFFIX, KMOD_KIT_SUFFIX, MIGRATIONS_SUFFIX]
    .map((suffix) => ({ suffix, path: join(from, fileName(name, suffix)) }))
    .filter(({ path }) => existsSync(path));
  return await Promise.all(
    there.map(async ({ suffix, path }) => ({
      suffix,
      ...(await given(bench, `given${suffix.replace(/\..*$/, '')}`, { path, name })),
    })),
  );
}

async function filesOf(
  bench: Workbench,
  request: RepackRequest,
  triple: string,
): Promise<ReadonlyMap<string, FileOutput>> {
  const { caBundle, updateRoot, variant, arch } = request;
  const name = { osName: '', version: '', buildId: '', variant: variant.name, arch };
  const wanted = [
    ['ca-bundle', CA_BUNDLE, caBundle],
    ['update-root', UPDATE_ROOT, updateRoot],
  ] as const;
  const files = new Map<string, FileOutput>();
  for (const [kind, path, file] of wanted)
    if (file !== undefined) files.set(`${triple}/${path}`, await given(bench, `given-${kind}`, { path: file, name }));
  return files;
}

/** What is put into an image has to be what it says it is: nobody will look there before it is needed. */
function checkFiles({ caBundle, updateRoot }: RepackRequest): void {
  const errors: BuildError[] = [];
  for (const file of [caBundle, updateRoot])
    if (file !== undefined && !existsSync(file))
      errors.push(new BuildError('image/no-such-file', `Cannot read "${file}": it is not there`));
  throwAll(errors);
  if (caBundle !== undefined) errors.push(...checkBundle(caBundle, readFileSync(caBundle, 'utf8')));
  if (updateRoot !== undefined) parseRoot(readFileSync(updateRoot), { file: updateRoot });
  throwAll(errors);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function checkBundle(file: string, text: string): BuildError[] {
  const found = [...text.matchAll(CERTIFICATE)];
  if (found.length === 0)
    return [
      new BuildError(
        'image/not-certificates',
        `Cannot use "${file}" as CA bundle: expected certificates in PEM, got none`,
      ),
    ];
  return found
    .filter(([pem]) => !isCertificate(pem))
    .map(({ index }) => {
      const line = text.slice(0, index).split('\n').length;
      const message = `Cannot use "${file}" as CA bundle: expected a certificate (X.509)`;
      return new BuildError('image/not-certificates', message, { at: { file, line, column: 1 } });
    });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** @throws BuildErrors image/no-parameter */
function changeParameters(
  before: readonly string[],
  { addParameters, removeParameters }: RepackRequest,
): readonly string[] {
  throwAll(
    removeParameters
      .filter((word) => !before.includes(word))
      .map(
        (word) =>
          new BuildError(
            'image/no-parameter',
            `Cannot remove kernel parameter "${word}": the image has ${before.join(' ') || 'none'}`,
          ),
      ),
  );
  return [...before.filter((word) => !removeParameters.includes(word)), ...addParameters];
}
