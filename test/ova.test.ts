import { readFile, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { findVariant, readProject } from '../tools/config/project.ts';
import { findBuiltUpdate, optionalTargets } from '../tools/recipe/built-update.ts';
import { OVA, OvaRig, STEM, VARIANT } from './rig/ova-rig.ts';
import { OwnStore } from './rig/own-store.ts';
import { CHECKOUT, Rig } from './rig/rig.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';

let ova: OvaRig;
let rig: Rig;
let tools: SandboxRig;
/** The one with Python, whose parser of XML is not ours. */
let parser: SandboxRig;

beforeAll(async () => {
  parser = await SandboxRig.create('vm');
  ova = await OvaRig.create();
  ({ rig, tools } = ova);
}, 600_000);

afterAll(async () => {
  for (const each of [ova, parser]) await each?.[Symbol.asyncDispose]();
});

test('the archive has the descriptor first, then the manifest, then the disks, and the manifest is true', async () => {
  const lines = await ova.look(
    OVA,
    `tar -tvf /slipway/in/ova; mkdir ova; tar -xf /slipway/in/ova -C ova; cd ova
sed -E 's/^SHA256\\((.*)\\)= (.*)$/\\2  \\1/' *.mf | sha256sum -c; cat *.mf; ls`,
  );
  const files = [`${STEM}.ovf`, `${STEM}.mf`, `${STEM}.vmdk`, `${STEM}-data.vmdk`];
  expect(lines.slice(0, 4).map((line) => line.split(' ').at(-1))).toEqual(files);
  for (const line of lines.slice(0, 4)) expect(line).toMatch(/^-rw-r--r-- 0\/0 +\d+ 2023-11-14 22:13/);
  expect(lines.slice(4, 7)).toEqual([`${STEM}.ovf: OK`, `${STEM}.vmdk: OK`, `${STEM}-data.vmdk: OK`]);
  expect(lines.slice(7, 10).every((line) => /^SHA256\([\w.-]+\)= [0-9a-f]{64}$/.test(line))).toBe(true);
});

test('the disks in it are streamed, sound, and what the image lays out', async () => {
  const lines = await ova.look(
    { ...OVA, os: `slipway-${VARIANT}-x86_64.vmdk`, data: `slipway-${VARIANT}-x86_64-data.vmdk` },
    `tar -xf /slipway/in/ova
for pair in os: data:-data; do
  disk=${STEM}\${pair#*:}.vmdk
  qemu-img check -q "$disk" && echo sound
  qemu-img info --output=json "$disk" | jq -r '"\\(."format-specific".data."create-type") \\(."virtual-size")"'
  qemu-img compare -q "$disk" "/slipway/in/\${pair%%:*}" && echo same
  qemu-img convert -f vmdk -O raw "$disk" raw
  sgdisk -v raw | grep -c 'No problems found'
done`,
  );
  expect(lines).toEqual([
    'sound',
    'streamOptimized 1073741824',
    'same',
    '1',
    'sound',
    'streamOptimized 1073741824',
    'same',
    '1',
  ]);
});

/** What QEMU draws when it makes a VMDK, in as many digits as it takes. */
const WIDTHS = `
truncate -s 1M raw
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw drawn.vmdk
for drawn in 1 fedcba9 fedcba98; do
  # The descriptor has sectors 1 to 20.
  dd if=drawn.vmdk bs=512 skip=1 count=20 status=none | tr -d '\\0' | sed "s/^CID=.*/CID=$drawn/" > descriptor
  truncate -s 10240 descriptor
  cat <(head -c 512 drawn.vmdk) descriptor <(tail -c +10753 drawn.vmdk) > disk.vmdk
  bash -euo pipefail /slipway/in/step disk.vmdk 0123abcd
  qemu-img check -q disk.vmdk
  grep -a -A1 '^CID=' disk.vmdk
  sha256sum < disk.vmdk
done`;

test('a disk has its identity in place of the one that was drawn, whatever the width of that', async () => {
  const step = { type: 'text', text: await readFile(join(CHECKOUT, 'tools/image/steps/vmdk-id.sh'), 'utf8') } as const;
  const { result, task } = await tools.run({ argv: ['bash', '-euc', WIDTHS], inputs: { '/slipway/in/step': step } });
  expect(result.outcomes.get(task.id)?.type).toBe('built');
  const [first, second, third] = [0, 3, 6].map((start) => tools.lines.slice(start, start + 3));
  expect(first?.slice(0, 2)).toEqual(['CID=0123abcd', 'parentCID=ffffffff']);
  expect([second, third]).toEqual([first, first]);
});

/** Prints what DSP0243 and vSphere look at, as one line of JSON. */
const DESCRIBE = `
tar -xf /slipway/in/ova
cat > describe.py << 'EOF'
import json, os, sys, xml.etree.ElementTree as tree
OVF = '{http://schemas.dmtf.org/ovf/envelope/1}'
RASD = '{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}'
VSSD = '{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData}'
VMW = '{http://www.vmware.com/schema/ovf}'
root = tree.parse(sys.argv[1]).getroot()
hardware = root.find(f'{OVF}VirtualSystem/{OVF}VirtualHardwareSection')
items = [{field.tag.removeprefix(RASD): field.text for field in item} for item in hardware.findall(f'{OVF}Item')]
print(json.dumps({
    'root': root.tag,
    'sections': [child.tag.removeprefix(OVF) for child in root],
    'files': [(f.get(OVF + 'id'), f.get(OVF + 'href'), int(f.get(OVF + 'size')) == os.path.getsize(f.get(OVF + 'href'))) for f in root.iter(OVF + 'File')],
    'disks': [(d.get(OVF + 'diskId'), d.get(OVF + 'fileRef'), d.get(OVF + 'capacity'), d.get(OVF + 'capacityAllocationUnits'), d.get(OVF + 'format')) for d in root.iter(OVF + 'Disk')],
    'networks': [n.get(OVF + 'name') for n in root.iter(OVF + 'Network')],
    'guest': root.find(f'.//{OVF}OperatingSystemSection').attrib,
    'type': root.find(f'.//{VSSD}VirtualSystemType').text,
    'items': items,
    'sorted': all(list(item) == sorted(item) for item in items),
    'config': {c.get(VMW + 'key'): c.get(VMW + 'value') for c in [*hardware.findall(VMW + 'Config'), *hardware.findall(VMW + 'ExtraConfig')]},
    'required': [c.get(OVF + 'required') for c in [*hardware.findall(VMW + 'Config'), *hardware.findall(VMW + 'ExtraConfig')]],
}))
EOF
python3 describe.py ${STEM}.ovf`;

test('the descriptor says what DSP0243 asks for, and the machine is the one of the plan', async () => {
  const [line = ''] = await ova.look(OVA, DESCRIBE, parser);
  const format = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';
  const GIB = 1024 ** 3;
  expect(JSON.parse(line)).toMatchObject({
    root: '{http://schemas.dmtf.org/ovf/envelope/1}Envelope',
    sections: ['References', 'DiskSection', 'NetworkSection', 'VirtualSystem'],
    files: [
      ['os-file', `${STEM}.vmdk`, true],
      ['data-file', `${STEM}-data.vmdk`, true],
    ],
    // The OS disk as it is; data takes the rest of what is published.
    disks: [
      ['os-disk', 'os-file', String(GIB), 'byte', format],
      ['data-disk', 'data-file', String(4 * GIB), 'byte', format],
    ],
    networks: ['VM Network'],
    guest: {
      '{http://schemas.dmtf.org/ovf/envelope/1}id': '101',
      '{http://www.vmware.com/schema/ovf}osType': 'other4xLinux64Guest',
    },
    type: 'vmx-15',
    sorted: true,
    items: [
      { ResourceType: '3', VirtualQuantity: '2' },
      { ResourceType: '4', VirtualQuantity: '8192', AllocationUnits: 'byte * 2^20' },
      { ResourceType: '6', ResourceSubType: 'VirtualSCSI', InstanceID: '3' },
      { ResourceType: '17', HostResource: 'ovf:/disk/os-disk', Parent: '3', AddressOnParent: '0' },
      { ResourceType: '17', HostResource: 'ovf:/disk/data-disk', Parent: '3', AddressOnParent: '1' },
      { ResourceType: '10', ResourceSubType: 'VmxNet3', Connection: 'VM Network' },
    ],
    config: { firmware: 'bios', 'bootOptions.efiSecureBootEnabled': 'false', 'disk.enableUUID': 'TRUE' },
    required: ['false', 'false', 'false'],
  });
});

test('a disk that does not fit the plan is named, and is not packed', async () => {
  const step = new URL('../tools/vmware/ova.sh', import.meta.url);
  const disk = ova.latest(`slipway-${VARIANT}-x86_64.vmdk`);
  const { result, task } = await tools.run({
    argv: ['bash', '-euo', 'pipefail', '/slipway/step/ova.sh'],
    inputs: {
      '/slipway/step/ova.sh': { type: 'text', text: await readFile(step, 'utf8') },
      '/slipway/step/sizes': { type: 'text', text: 'os.vmdk 2048\n' },
      '/slipway/in/os.vmdk': await tools.store.putFile(await realpath(disk)),
    },
  });
  expect(result.outcomes.get(task.id)?.type).toBe('failed');
  expect(tools.lines).toContain(
    'error: os.vmdk: expected a disk streamOptimized of 2048 MiB, got streamOptimized 1024 MiB',
  );
});

test('a repository of updates has the OVA, under its own name and the one that people write, and knows to bring it', () => {
  const project = readProject(rig.dir);
  const { sources, name, images } = findBuiltUpdate(project, findVariant(project, VARIANT), 'x86_64');
  const names = sources.map((source) => source.name).filter((file) => file.endsWith('.ova'));
  const own = `slipway-${VARIANT}-x86_64-1.2.3-00000000.ova`;
  expect(names).toEqual([own, `${STEM}.ova`]);
  expect(optionalTargets(name, { version: '1.2.3', images })).toContain(own);
});

test('made again elsewhere, with one core and out of an empty store, every byte of it is the same', async () => {
  using store = await OwnStore.create('image');
  await using other = await Rig.create(ova.checkout, store.dir);
  await other.succeed('build', '--variant', VARIANT, '--cores', '1');
  const here = await ova.sums();
  const there = await readFile(join(other.dir, relative(rig.dir, ova.latest('SHA256SUMS'))), 'utf8');
  expect(there).toBe(here);
  expect(here).toContain('.ova');
});

test('a template of the variant is filled in, and a placeholder too many is an error at its place', async () => {
  const template = join('variants', VARIANT, 'template.ovf');
  await rig.write({ [template]: '<Envelope>\n  {{OS_DISK}} {{DATA_DISK}} {{ROOT_DISK}}\n</Envelope>\n' });
  const { status, stderr } = await rig.make('build', '--variant', VARIANT);
  expect(status).toBe(1);
  expect(stderr).toContain(`${template}:2:29: error: Cannot fill in "{{ROOT_DISK}}": expected one of NAME,`);
  // Before anything was built.
  expect(stderr).not.toContain('Pack the OVA');
  await rig.write({ [template]: '<Envelope>{{OS_DISK}} {{DATA_DISK}}</Envelope>\n' });
  expect(await rig.make('build', '--variant', VARIANT)).toMatchObject({ status: 0 });
  const lines = await ova.look(OVA, `tar -xOf /slipway/in/ova ${STEM}.ovf`);
  expect(lines).toEqual([`<Envelope>${STEM}.vmdk ${STEM}-data.vmdk</Envelope>`]);
});

test('the variant is told by its name wherever the OVA goes', async () => {
  expect(await ova.sums()).toMatch(/^[0-9a-f]{64} {2}slipway-vmware-tiny-x86_64-1\.2\.3-00000000\.ova$/m);
});
