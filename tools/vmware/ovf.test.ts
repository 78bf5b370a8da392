import { expect, test } from 'vitest';

import { BuildError, BuildErrors } from '../errors.ts';
import { defaultTemplate } from './default-template.ts';
import { renderOvf, type OvfFacts } from './ovf.ts';

const OS = { file: 'os.vmdk', fileBytes: 1000, capacityBytes: 2 * 1024 ** 3 };
const DATA = { file: 'os-data.vmdk', fileBytes: 500, capacityBytes: 20 * 1024 ** 3 };
const CERTIFICATES = { PK: Buffer.of(1), KEK: Buffer.of(2), db: Buffer.of(3) };
const FACTS: OvfFacts = {
  name: 'os',
  prettyName: 'An <OS> & more',
  version: '1.0.0',
  os: OS,
  data: DATA,
  certificates: undefined,
};

function complaints(text: string, facts: Partial<OvfFacts> = {}): string[] {
  try {
    renderOvf({ file: 'variants/a-b/template.ovf', text }, { ...FACTS, ...facts });
    return [];
  } catch (error) {
    const all = error instanceof BuildErrors ? error.errors : [error];
    return all.map((each) =>
      each instanceof BuildError
        ? `${each.at?.line}:${each.at?.column} ${each.message} (${each.hint ?? ''})`
        : String(each),
    );
  }
}

test.for([
  { plan: 'split', secureBoot: false },
  { plan: 'split', secureBoot: true },
  { plan: 'unified', secureBoot: false },
  { plan: 'unified', secureBoot: true },
] as const)('our own template for %o is filled in whole', async (options) => {
  const text = defaultTemplate(options);
  const facts = {
    ...FACTS,
    data: options.plan === 'split' ? DATA : undefined,
    certificates: options.secureBoot ? CERTIFICATES : undefined,
  };
  const name = `${options.plan}${options.secureBoot ? '-secure-boot' : ''}`;
  await expect(renderOvf({ file: undefined, text }, facts)).toMatchFileSnapshot(`../../test/golden/ovf/${name}.ovf`);
});

test('a placeholder that nothing fills in is named with its place', () => {
  expect(complaints('<a>{{OS_DISK}}\n{{DATA_DISK}} {{ROOT_DISK}}</a>')).toEqual([
    '2:15 Cannot fill in "{{ROOT_DISK}}": expected one of NAME, PRETTY_NAME, VERSION, OS_DISK, OS_DISK_FILE_BYTES, OS_DISK_BYTES, ' +
      'DATA_DISK, DATA_DISK_FILE_BYTES, DATA_DISK_BYTES ()',
  ]);
});

test('a template of another plan is told what the plan has', () => {
  expect(complaints('{{OS_DISK}}{{DATA_DISK}}', { data: undefined })[0]).toContain(
    'Under the plan "unified" there is no data disk',
  );
  expect(complaints('{{OS_DISK}}')).toEqual([
    '1:1 Cannot describe the machine: the template has no {{DATA_DISK}} (Each disk of the plan is a File and a Disk of the template)',
  ]);
});

test('a template that wants certificates of an image that has none is told so', () => {
  expect(complaints('{{OS_DISK}}{{DATA_DISK}}{{DB_CERT_DER_HEX}}')[0]).toContain('The image is not signed');
});
