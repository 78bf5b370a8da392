import { expect, test } from 'vitest';

import { pinned } from './update-sources.ts';

const TEXT = `# Above.
sources:
  - url: https://example.org/x.tar
    sha512: aa
  - go:
      module: example.org/x # here
      version: v1.0.0

    # The archive's.
    sha512: bb # kept

build: { cores: 1 }
`;

test('pinned() changes one digest and not a byte beside it', () => {
  expect(pinned(TEXT, 1, 'cc')).toBe(TEXT.replace('bb', 'cc'));
  expect(pinned(TEXT, 0, 'cc')).toBe(TEXT.replace('aa', 'cc'));
});

test('pinned() adds a digest where there is none, after the last line of its source', () => {
  const unpinned = 'sources:\n  - go:\n      version: v1.0.0\n\n# Below.\nbuild: {}\n';
  expect(pinned(unpinned, 0, 'cc')).toBe(
    'sources:\n  - go:\n      version: v1.0.0\n    sha512: cc\n\n# Below.\nbuild: {}\n',
  );
});

test('pinned() leaves comments where they are, and an end without a line break as it is', () => {
  expect(pinned('sources:\n  - go: { version: v1.0.0 } # this', 0, 'cc')).toBe(
    'sources:\n  - go: { version: v1.0.0 } # this\n    sha512: cc',
  );
});
