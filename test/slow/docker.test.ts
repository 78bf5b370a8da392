import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DENIALS } from '../rig/denials.ts';
import { askGuestAgent } from '../rig/guest-agent.ts';
import { NodeRig } from '../rig/node-rig.ts';

const IMAGE = 'localhost/slipway/hello:1.0';

describe.each([
  { variant: 'metal-dev', arch: 'x86_64', starts: 'when it is asked' },
  { variant: 'aws-ecs-1', arch: 'x86_64', starts: 'at once' },
  { variant: 'aws-dev', arch: 'x86_64', starts: 'when it is asked' },
  { variant: 'vmware-dev', arch: 'x86_64', starts: 'when it is asked' },
  { variant: 'metal-dev', arch: 'aarch64', starts: 'when it is asked' },
  { variant: 'aws-ecs-1', arch: 'aarch64', starts: 'at once' },
  { variant: 'aws-dev', arch: 'aarch64', starts: 'when it is asked' },
] as const)('docker on $variant for $arch', ({ variant, arch, starts }) => {
  let rig: NodeRig;

  beforeAll(async () => {
    rig = await NodeRig.boot({ variant, arch, packages: ['hello-image'] });
  });

  afterAll(async () => await rig?.[Symbol.asyncDispose]());

  test(`starts ${starts}, and no unit has failed`, async () => {
    const [docker, containerd] = starts === 'at once' ? ['active', 'active'] : ['inactive', 'inactive'];
    const { output } = await rig.machine.run('systemctl is-active docker.socket docker containerd');
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(['active', docker, containerd]);
    expect(await rig.ask('systemctl list-units --failed --no-legend --plain')).toBe('');
  });

  test('is of the versions that are pinned', async () => {
    const versions = await rig.ask(`docker version --format '{{.Client.Version}} {{.Server.Version}}'`);
    expect(versions).toBe('28.5.2 28.5.2');
    expect(await rig.ask('containerd --version')).toContain('2.1.9');
    expect(await rig.ask('runc --version')).toContain('runc version 1.3.6');
    expect(await rig.ask('docker-init --version')).toContain('0.19.0');
    expect(await rig.ask('systemctl is-active docker containerd')).toBe('active\nactive');
  });

  test('runs a container from an image of our own, confined, without network', async () => {
    expect(await rig.ask('docker load --input /usr/share/hello-image/hello.tar')).toContain(`Loaded image: ${IMAGE}`);
    const run = 'docker run --rm --network none';
    expect(await rig.ask(`${run} ${IMAGE} 0`)).toMatch(
      /^hello from process 1 of user 65535 in system_u:system_r:container_t:s0:c\d+,c\d+/,
    );
    expect(await rig.ask(`${run} --init ${IMAGE} 0`)).toMatch(/^hello from process \d\d* of user 65535/);
    expect(await rig.ask(`${run} --init ${IMAGE} 0`)).not.toContain('process 1 ');
  });

  test('gives a container a network of its own, and a port of the node', async () => {
    await rig.ask(`docker run --detach --name kept --publish 127.0.0.1:8080:80 ${IMAGE}`);
    const address = `docker inspect --format '{{.NetworkSettings.Networks.bridge.IPAddress}}' kept`;
    expect(await rig.ask(address)).toMatch(/^172\.17\./);
    expect(await rig.ask('ps -eo args')).toMatch(/^\/usr\/bin\/docker-proxy .*-host-port 8080/m);
    expect(await rig.ask('docker logs kept')).toContain('hello from process 1');
    await rig.ask('docker stop kept && docker rm kept');
  });

  test('left nothing failed or denied behind', async () => {
    expect(await rig.ask('systemctl list-units --failed --no-legend --plain')).toBe('');
    expect(await rig.ask(DENIALS)).toBe('');
  });

  test.runIf(variant === 'vmware-dev')('has a guest agent that finds no hypervisor, and says so', async () => {
    expect(await askGuestAgent(rig)).toEqual({ reasonGiven: true, status: 1 });
  });
});
