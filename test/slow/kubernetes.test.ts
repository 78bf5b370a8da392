import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { NodeRig } from '../rig/node-rig.ts';

/** Without KVM, on a busy machine. */
const PATIENCE_MS = 600_000;

const STATIC_POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'still', namespace: 'default' },
  spec: {
    hostNetwork: true,
    containers: [{ name: 'still', image: 'localhost/slipway/pause:1.0', imagePullPolicy: 'Never' }],
  },
});

describe.each([
  { variant: 'aws-k8s-1.21', kubelet: 'Kubernetes v1.21.14', containerd: 'v2 1.7.35' },
  { variant: 'aws-k8s-1.34', kubelet: 'Kubernetes v1.34.4', containerd: '2.1.9' },
])('a node of $variant, alone', ({ variant, kubelet, containerd }) => {
  let rig: NodeRig;

  /** Output of a command that must succeed. */
  async function ask(command: string): Promise<string> {
    const { status, output } = await rig.machine.run(command, PATIENCE_MS);
    expect({ command, output, status }).toMatchObject({ status: 0 });
    return output.trim();
  }

  beforeAll(async () => {
    rig = await NodeRig.boot(variant);
    await rig.machine.waitForShell(PATIENCE_MS);
    await ask('until systemctl is-active --quiet multi-user.target; do sleep 1; done');
  });

  afterAll(async () => await rig[Symbol.asyncDispose]());

  test('comes up with no failed unit', async () => {
    expect(await ask('systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await ask('systemctl is-active containerd host-containerd kubelet')).toBe('active\nactive\nactive');
  });

  test('runs the versions that are pinned', async () => {
    expect(await ask('kubelet --version')).toBe(kubelet);
    expect(await ask('containerd --version')).toContain(containerd.replace('v2 ', ''));
    expect(await ask('runc --version')).toContain('runc version 1.3.6');
  });

  test('runs a static pod from the image that came with it, without network', async () => {
    await ask(`printf '%s' '${STATIC_POD}' > /etc/kubernetes/static-pods/still.json`);
    const running = "ctr -n k8s.io tasks list | grep -c RUNNING | grep -qx '2'";
    await ask(`for i in $(seq 120); do ${running} && break; sleep 1; done; ${running}`);
    expect(await ask('ps -eo args | grep -c "^/pause"')).toBe('2');
  });
});
