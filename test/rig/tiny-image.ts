import { fixturePackage, RELEASE, type Files } from './fixtures.ts';
import { minimalProgram } from './minimal-program.ts';

/** Version 0, where the two texts begin, and the texts: what is revoked by itself, and what could be. */
const SBAT_LEVEL = Buffer.concat([
  ...[0, 8, 18].map((number) => Buffer.of(number, 0, 0, 0)),
  Buffer.from('sbat,1,1\n\0sbat,1,2\n\0'),
]);
const SHIM = minimalProgram([
  { name: '.text', content: Buffer.from('shim') },
  { name: '.sbatlevel', content: SBAT_LEVEL },
  { name: '.vendor_cert', content: Buffer.alloc(4096) },
]);
const SLOT = Buffer.concat([Buffer.from('\xff\x18key for grub.cfg follows', 'latin1'), Buffer.alloc(2022)]);
const GRUB = minimalProgram([
  { name: '.text', content: Buffer.from('grub') },
  { name: 'mods', content: SLOT },
]);
const KERNEL = minimalProgram([{ name: '.text', content: Buffer.from('kernel') }]);

function put(content: Buffer, path: string): string {
  return `mkdir -p $(dirname %{buildroot}${path}); echo ${content.toString('base64')} | base64 -d > %{buildroot}${path}`;
}

/** A checkout with one variant, as small as one can be, and stand-ins for all that its boot chain is made of. */
export function tinyImage(variant: string, image: string): Files {
  return {
    ...RELEASE,
    ...fixturePackage('base', {
      install: `mkdir -p %{buildroot}%{_libdir}; echo ID=slipway > %{buildroot}%{_libdir}/os-release\n${put(KERNEL, '/boot/vmlinuz')}`,
      files: ['%{_libdir}/os-release', '/boot/vmlinuz'],
    }),
    ...fixturePackage('shim', {
      install: put(SHIM, '%{_libdir}/shim/shimx64.efi'),
      files: ['%{_libdir}/shim'],
    }),
    ...fixturePackage('grub', {
      install: [
        put(GRUB, '%{_libdir}/grub/efi/secure/grubx64.efi'),
        put(GRUB, '%{_libdir}/grub/efi/bootx64.efi'),
        put(Buffer.alloc(512), '%{_libdir}/grub/i386-pc/boot.img'),
        put(Buffer.alloc(1024, 1), '%{_libdir}/grub/i386-pc/core.img'),
      ].join('\n'),
      files: ['%{_libdir}/grub'],
    }),
    [`variants/${variant}/variant.yaml`]: `arches: [x86_64]\npackages: [base]\nimage: { ${image} }\n`,
  };
}
