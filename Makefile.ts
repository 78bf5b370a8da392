#!/usr/bin/env -S npx tsx
import { existsSync } from 'node:fs';
import http from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Everything the program wants from its surroundings is read here and handed down.
const { env } = process;
const wantedMajor = 24;

if (
  Number(process.versions.node.split('.')[0]) < wantedMajor ||
  !existsSync(join(import.meta.dirname, 'node_modules'))
) {
  process.stderr.write(
    `error: Cannot run Slipway on Node ${process.versions.node}: expected ${wantedMajor} or newer\n`,
  );
  process.stderr.write('  hint: Run "npm ci", which brings it, then "npx tsx Makefile.ts"\n');
  process.exitCode = 1;
} else {
  // Downloads go through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.
  http.setGlobalProxyFromEnv(env);
  const { main } = await import('./tools/cli/main.ts');
  process.exitCode = await main(process.argv.slice(2), {
    home: homedir(),
    projectDir: import.meta.dirname,
    cacheDir: env['SLIPWAY_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slipway'),
    configFile: join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'slipway', 'config.yaml'),
    environment: env,
    colour: env['NO_COLOR'] === undefined && process.stderr.isTTY,
    streams: { out: process.stdout, err: process.stderr },
  });
}
