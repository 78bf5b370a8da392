import { defineConfig } from 'vitest/config';

/** A cold build of the OS happens in `slow` and `boot`; the others are quick. Peers are compiled in hooks of `slow`, on whatever machine. */
const HOUR_MS = 3600 * 1000;

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['tools/**/*.test.ts'] } },
      { test: { name: 'cli', include: ['test/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'boot', include: ['test/boot/*.test.ts'], testTimeout: HOUR_MS, hookTimeout: HOUR_MS } },
      { test: { name: 'slow', include: ['test/slow/*.test.ts'], testTimeout: HOUR_MS, hookTimeout: 4 * HOUR_MS } },
    ],
  },
});
