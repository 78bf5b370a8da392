import { afterAll, beforeAll, describe } from 'vitest';

import { bootFacts } from '../rig/boot-facts.ts';
import { BootRig } from '../rig/boot-rig.ts';

describe("metal-dev for aarch64 on QEMU's virt machine", () => {
  let rig: BootRig;

  beforeAll(async () => {
    rig = await BootRig.create({ arch: 'aarch64' });
  });

  afterAll(async () => await rig?.[Symbol.asyncDispose]());

  bootFacts(() => rig, 'uefi');
});
