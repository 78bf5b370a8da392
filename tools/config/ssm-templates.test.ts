import { expect, test } from 'vitest';

import { renderTemplate, variablesOf } from './ssm-templates.ts';

const VALUES = {
  variant: 'aws-dev',
  arch: 'arm64',
  image_id: 'ami-1',
  image_name: 'a&b',
  image_version: '1.2.3-c',
  region: 'eu-north-1',
};

test('variables are filled in as they are, and an escaped brace is a brace', () => {
  expect(renderTemplate('{variant}/{arch}/\\{x\\}/{image_name}', VALUES)).toBe('aws-dev/arm64/{x}/a&b');
});

test('variables are found where they stand, escaped ones are none', () => {
  expect(variablesOf('{a}/\\{b}/{c}')).toEqual(['a', 'c']);
});
