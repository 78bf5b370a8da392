import { Metadata, MetadataKind, Targets } from '@tufjs/models';
import { expect, test } from 'vitest';

import { makeTargetsLinear } from './linear-targets.ts';

const data = {
  signed: {
    _type: 'targets',
    spec_version: '1.0.0',
    version: 3,
    expires: '2030-01-01T00:00:00Z',
    targets: {
      a: { length: 1, hashes: { sha256: '00' }, custom: { x: 1 } },
      b: { length: 2, hashes: { sha256: '11' } },
    },
    delegations: { keys: {}, roles: [] },
    more: { kept: true },
  },
  signatures: [],
};

function complaint(signed: Parameters<typeof Targets.fromJSON>[0]): unknown {
  try {
    return Targets.fromJSON(signed);
  } catch (error) {
    return String(error);
  }
}

test('roles are read and printed as @tufjs/models does it, and so are its refusals', () => {
  const wrong = ['text', { a: 'text' }, { a: { length: '1', hashes: {} } }, [1]].map((targets) => ({
    ...data.signed,
    targets,
  }));
  const print = (): unknown => Metadata.fromJSON(MetadataKind.Targets, data).toJSON();
  const [before, refusals] = [print(), wrong.map(complaint)];
  makeTargetsLinear();
  expect(print()).toEqual(before);
  expect(print()).toEqual(data);
  expect(wrong.map(complaint)).toEqual(refusals);
});
