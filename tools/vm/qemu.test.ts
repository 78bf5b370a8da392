import { expect, test } from 'vitest';

import { qemuArguments, type QemuOptions } from './qemu.ts';

const OPTIONS: QemuOptions = {
  arch: 'x86_64',
  firmware: 'bios',
  drives: [{ path: '/tmp/a,b.qcow2', form: 'qcow2' }],
  memoryMiB: 1024,
  cores: 2,
  network: 'isolated',
  accelerator: 'tcg',
  toolFile: (path) => `/root/${path}`,
  variables: '/tmp/vars.fd',
  serial: ['-serial', 'mon:stdio'],
};

function line(changes: Partial<QemuOptions>): string {
  return qemuArguments({ ...OPTIONS, ...changes }).join(' ');
}

test('a BIOS machine has SeaBIOS, and UEFI its code and its own variables', () => {
  expect(line({})).not.toContain('pflash');
  expect(line({ firmware: 'uefi' })).toContain('readonly=on,file=/root/usr/share/OVMF/OVMF_CODE_4M.fd');
  expect(line({ firmware: 'uefi' })).toContain('unit=1,format=raw,file=/tmp/vars.fd');
  expect(line({ firmware: 'uefi', arch: 'aarch64' })).toContain('AAVMF_CODE.no-secboot.fd');
});

test('a comma in a path is doubled', () => {
  expect(line({})).toContain('file=/tmp/a,,b.qcow2');
});

test('the network leads nowhere unless asked, and no host port is open unless asked', () => {
  expect(line({})).toContain('user,id=net0,restrict=on');
  expect(line({})).not.toContain('hostfwd');
  expect(line({ network: 'outgoing' })).not.toContain('restrict');
  expect(line({ forward: new Map([[2222, 22]]) })).toContain('hostfwd=tcp:127.0.0.1:2222-:22');
});

test('disks are found in their order, and the first is booted', () => {
  const drives = [
    { path: 'os', form: 'raw' },
    { path: 'data', form: 'raw' },
  ] as const;
  expect(line({ drives })).toMatch(/file=os,.*drive=disk0,bootindex=0 .*file=data,.*drive=disk1,bootindex=1/);
});

test('a TPM is there if it has a socket, as the device that the architecture has', () => {
  expect(line({})).not.toContain('tpm');
  expect(line({ tpm: '/tmp/tpm' })).toContain('socket,id=tpm-socket,path=/tmp/tpm -tpmdev emulator,id=tpm0');
  expect(line({ tpm: '/tmp/tpm' })).toContain('-device tpm-crb,tpmdev=tpm0');
  expect(line({ tpm: '/tmp/tpm', arch: 'aarch64' })).toContain('-device tpm-tis-device,tpmdev=tpm0');
});
