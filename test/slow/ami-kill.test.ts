import { expect, test } from 'vitest';

import { AmiRig } from '../rig/aws/ami-job.ts';
import { THREE_REGIONS } from '../rig/aws/configs.ts';
import { AwsEndpoint } from '../rig/aws/endpoint.ts';
import { leftovers } from '../rig/aws/leftovers.ts';

test.each(['lost', 'dropped'] as const)(
  'a run killed at any of its calls, the request %s, ends in the same state when it is run again',
  async (fate) => {
    await using rig = await AmiRig.create();
    await using clean = await AwsEndpoint.start();
    expect(await rig.run(clean, { stateDir: await rig.freshState(), config: THREE_REGIONS })).toMatchObject({
      status: 0,
    });
    const whole = leftovers(clean.world);
    const bad: number[] = [];
    for (let number = 1; number <= clean.calls.length; number += 1) {
      await using endpoint = await AwsEndpoint.start();
      const stateDir = await rig.freshState();
      const killer = new AbortController();
      endpoint.fate = (call) => {
        if (call.number !== number) return 'served';
        killer.abort();
        return fate;
      };
      await rig.run(endpoint, { stateDir, config: THREE_REGIONS, kill: killer.signal });
      endpoint.fate = () => 'served';
      const end = await rig.run(endpoint, { stateDir, config: THREE_REGIONS });
      if (end.status !== 0 || JSON.stringify(leftovers(endpoint.world)) !== JSON.stringify(whole)) bad.push(number);
    }
    expect(bad).toEqual([]);
  },
);
