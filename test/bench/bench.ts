import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { removeTree } from '../../tools/graph/disk.ts';
import { Store } from '../../tools/graph/store.ts';
import { runCommand } from '../../tools/process/command.ts';
import { CHECKOUT, SHARED_STORE } from '../rig/rig.ts';
import { SandboxRig } from '../rig/sandbox-rig.ts';
import { benchUpload } from './upload.bench.ts';
import type { Upload } from './upload.bench.ts';
import { inProcess, sandboxed, sandboxedCommand, timeEngine, timeNinja } from './engine.bench.ts';
import { bringTuftool } from '../rig/peers/tuftool.ts';
import { makeLargeTarget, makeTargets, makeTrust, timeRepository, timeTuftool } from './tuf.bench.ts';

/** Ratios, for seconds are the machine's: what they are held against is timed on the same machine in the same minute. */
const TASKS = 10_000;
const FEW = 500;
const SANDBOXED = 1000;

const BENCHES = { engine: benchEngine, build: benchCommandLine, ami: benchAmi, repository: benchRepository };
/** Some of them only: `npm run bench ami`. */
const chosen = process.argv.slice(2);

const scratch = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
try {
  for (const [name, bench] of Object.entries(BENCHES)) if (chosen.length === 0 || chosen.includes(name)) await bench();
} finally {
  await removeTree(scratch);
}

async function benchEngine(): Promise<void> {
  await using rig = await SandboxRig.create();
  const ninja = rig.program('usr/bin/ninja');
  const plain = await timeNinja(TASKS, {
    ninja,
    dir: join(scratch, 'plain'),
    command: (index) => `echo ${index} > out/${index}`,
  });
  await using store = await Store.open(join(scratch, 'store'));
  const cold = await timeEngine(store, TASKS, inProcess(store));
  const again = await timeEngine(store, TASKS, inProcess(store));
  const few = await timeEngine(store, FEW, inProcess(store));
  say('10000 empty tasks cold / ninja, echo', cold / plain, `${cold.toFixed(1)} s / ${plain.toFixed(1)} s`);
  say('10000 tasks, nothing to do, in seconds', again, 'at most 1');
  say('500 tasks, nothing to do, in seconds', few, 'at most 0.15');
  await benchSandbox(rig, { ninja, dir: join(scratch, 'sandboxed') });
}

/** The very command lines that the engine runs, by ninja; what the engine does beside (keys, store, log) is the difference. */
async function benchSandbox(
  { store, layers }: SandboxRig,
  { ninja, dir }: { ninja: readonly string[]; dir: string },
): Promise<void> {
  const command = (index: number): string => sandboxedCommand(index, { store, layers, dir });
  const byNinja = await timeNinja(SANDBOXED, { ninja, dir, command });
  const cold = await timeEngine(store, SANDBOXED, sandboxed(store, layers));
  say(
    `${SANDBOXED} sandboxed tasks cold / ninja`,
    cold / byNinja,
    `at most 2; ${cold.toFixed(1)} s / ${byNinja.toFixed(1)} s`,
  );
}

/** A build of metal-dev with nothing to do, start of Node included, against a program that does nothing. */
async function benchCommandLine(): Promise<void> {
  if (!existsSync(join(CHECKOUT, 'build/images/x86_64-metal-dev/latest'))) {
    say('no-op build of metal-dev / tsx', Number.NaN, 'build it first');
    return;
  }
  const tsx = join(CHECKOUT, 'node_modules/.bin/tsx');
  const nothing = await timeCommand([tsx, '-e', '0']);
  const build = await timeCommand([tsx, 'Makefile.ts', 'build', '--variant', 'metal-dev']);
  say('no-op build of metal-dev / tsx', build / nothing, `at most 2; ${build.toFixed(2)} s / ${nothing.toFixed(2)} s`);
}

/** One image, one endpoint; coldsnap wants it decompressed, which is not in its time. */
async function benchAmi(): Promise<void> {
  const { ours, coldsnap, coldsnapWithoutZeros, sentAgain } = await benchUpload();
  const pair = (theirs: Upload): string => `${ours.seconds.toFixed(1)} s / ${theirs.seconds.toFixed(1)} s`;
  say(
    'upload at 100 ms latency / coldsnap, throughput',
    coldsnap.seconds / ours.seconds,
    `at least 1.5; ${pair(coldsnap)}`,
  );
  say(
    'the same, no zeros sent by it either',
    coldsnapWithoutZeros.seconds / ours.seconds,
    `${pair(coldsnapWithoutZeros)}; ${coldsnapWithoutZeros.puts} blocks`,
  );
  const memory = `${ours.peakMiB.toFixed(0)} MiB / ${coldsnap.peakMiB.toFixed(0)} MiB`;
  say('its memory / coldsnap', ours.peakMiB / coldsnap.peakMiB, `at most 1; ${memory}, of a disk of 2048`);
  say('sent again after a kill at half', sentAgain, 'at most 0.51');
}

/** 1,000 targets of mixed size, against tuftool doing the same; and what one of 1 GiB adds to the memory of this process. */
async function benchRepository(): Promise<void> {
  const from = join(scratch, 'targets');
  const sources = makeTargets(from);
  const trust = await makeTrust(join(scratch, 'trust'));
  const tuftool = await bringTuftool();
  // What was just written is on disk before anybody reads it: whoever comes first would pay for that.
  await runCommand(['sync', '-f', scratch], { env: { PATH: '/usr/bin:/bin' }, onLine: () => undefined });
  const ours = await timeRepository(trust, sources, join(scratch, 'repository'));
  const theirs = await timeTuftool(tuftool, trust, { from, dir: join(scratch, 'tuftool') });
  for (const verb of ['create', 'refresh', 'validate'] as const) {
    const note = `at most 1; ${ours[verb].toFixed(2)} s / ${theirs[verb].toFixed(2)} s`;
    say(`repo ${verb}, 1000 targets / tuftool`, ours[verb] / theirs[verb], note);
  }
  const before = process.resourceUsage().maxRSS;
  await timeRepository(trust, makeLargeTarget(join(scratch, 'large')), join(scratch, 'large-repository'));
  const grown = (process.resourceUsage().maxRSS - before) / 1024;
  say('repo of one 1 GiB target: memory grown, in MiB', grown, 'at most 100');
}

/** The best of five: whatever else the machine does can only add. */
async function timeCommand(argv: readonly string[]): Promise<number> {
  const env = { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`, HOME: tmpdir(), SLIPWAY_CACHE: SHARED_STORE };
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const { durationMs } = await runCommand(argv, { env, cwd: CHECKOUT, onLine: () => undefined });
    times.push(durationMs / 1000);
  }
  return Math.min(...times);
}

function say(what: string, ratio: number, note: string): void {
  process.stdout.write(`${what.padEnd(44)} ${ratio.toFixed(2).padStart(6)}   (${note})\n`);
}
