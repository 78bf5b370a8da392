import { fixturePackage, RELEASE, type Files } from './fixtures.ts';
import { minimalProgram } from './minimal-program.ts';

const SHIM = minimalProgram([
  { name: '.text', content: Buffer.from('shim') },
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
