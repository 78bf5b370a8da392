import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DENIALS } from '../rig/denials.ts';
import { askGuestAgent } from '../rig/guest-agent.ts';
import { NodeRig } from '../rig/node-rig.ts';

const IMAGE = 'localhost/slipway/hello:1.0';

const STATIC_POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'still', namespace: 'default' },
  spec: {
    hostNetwork: true,
    containers: [{ name: 'still', image: 'localhost/slipway/pause:1.0', imagePullPolicy: 'Never' }],
  },
});

const OLD = { version: '1.21', kubelet: 'Kubernetes v1.21.14', containerd: '1.7.35' };
const NEW = { version: '1.34', kubelet: 'Kubernetes v1.34.4', containerd: '2.1.9' };

describe.each([
  { variant: 'aws-k8s-1.21', arch: 'x86_64', ...OLD },
  { variant: 'aws-k8s-1.34', arch: 'x86_64', ...NEW },
  { variant: 'metal-k8s-1.34', arch: 'x86_64', ...NEW },
  { variant: 'vmware-k8s-1.21', arch: 'x86_64', ...OLD },
  { variant: 'vmware-k8s-1.34', arch: 'x86_64', ...NEW },
  { variant: 'aws-k8s-1.21', arch: 'aarch64', ...OLD },
  { variant: 'aws-k8s-1.34', arch: 'aarch64', ...NEW },
  { variant: 'metal-k8s-1.34', arch: 'aarch64', ...NEW },
] as const)('a node of $variant for $arch, alone', ({ variant, arch, version, kubelet, containerd }) => {
  let rig: NodeRig;

  beforeAll(async () => {
    rig = await NodeRig.boot({ variant, arch, packages: ['hello-image'] });
  });

  afterAll(async () => await rig?.[Symbol.asyncDispose]());

  test('comes up with no failed unit, and nothing was denied', async () => {
    expect(await rig.ask('systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await rig.ask('systemctl is-active containerd host-containerd kubelet')).toBe('active\nactive\nactive');
    expect(await rig.ask(DENIALS)).toBe('');
  });

  test('runs the versions that are pinned', async () => {
    expect(await rig.ask('uname -m')).toBe(arch);
    expect(await rig.ask('kubelet --version')).toBe(kubelet);
    expect((await rig.ask('containerd --version')).split(' ')[2]).toBe(containerd);
    expect(await rig.ask('runc --version')).toContain('runc version 1.3.6');
  });

  test('carries the licences of the modules that its programs are made of', async () => {
    await rig.ask(`test -s /usr/share/licenses/slipway-kubelet-${version}/vendor/k8s.io/kubernetes/LICENSE`);
    const count = await rig.ask('find /usr/share/licenses -path "*/vendor/*" -name "LICENSE*" | wc -l');
    expect(Number(count)).toBeGreaterThan(300);
  });

  test('runs a static pod from the image that came with it, without network', async () => {
    await rig.ask(`printf '%s' '${STATIC_POD}' > /etc/kubernetes/static-pods/still.json`);
    await rig.askUntil("ctr -n k8s.io tasks list | grep -c RUNNING | grep -qx '2'");
    expect(await rig.ask('ps -eo args | grep -c "^/pause"')).toBe('2');
  });

  test.each([
    { name: 'hello', options: '', domain: 'control_t' },
    { name: 'admin', options: '-superpowered', domain: 'super_t' },
  ])('runs host container $name as $domain, in a containerd of its own', async ({ name, options, domain }) => {
    const unit = `host-containers@${name}`;
    const ctr = 'ctr --address /run/host-containerd/containerd.sock';
    await rig.ask(`${ctr} images import /usr/share/hello-image/hello.tar`);
    await rig.put(`/etc/host-containers/${name}.env`, `SOURCE=${IMAGE}\nOPTIONS=${options}\n`);
    await rig.ask(`systemctl start ${unit}`);
    // No registry is there: it tries for a while, then goes on with the image that is.
    await rig.askUntil(`${ctr} tasks list | grep -q '^${name} .*RUNNING'`);
    await rig.askUntil(`journalctl --boot --unit ${unit} --grep 'hello from process'`);
    expect(await rig.ask(`journalctl --boot --unit ${unit} --output cat`)).toContain(
      `of user 65535 in system_u:system_r:${domain}:s0-s0:c0.c1023`,
    );
    await rig.ask(`systemctl stop ${unit}`);
    expect(await rig.ask(`${ctr} containers list --quiet`)).toBe('');
  });

  test('has denied nothing of all this', async () => {
    expect(await rig.ask(DENIALS)).toBe('');
  });

  test.runIf(variant.startsWith('vmware'))('has a guest agent that finds no hypervisor, and says so', async () => {
    expect(await askGuestAgent(rig)).toEqual({ reasonGiven: true, status: 1 });
  });
});
