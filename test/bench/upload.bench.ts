import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand } from '../../tools/process/command.ts';
import { AmiRig } from '../rig/aws/ami-job.ts';
import { lz4Program } from '../rig/aws/disk-fixture.ts';
import { AwsEndpoint } from '../rig/aws/endpoint.ts';
import { bringColdsnap } from '../rig/peers/coldsnap.ts';

const MIB = 1024 * 1024;
const DISK_MIB = 2048;
/** Of a disk of an OS that fills a third of it. */
const BLOCKS = 1400;
const LATENCY_MS = 100;
const REGION = 'eu-north-1';

export interface Upload {
  /** From the call that starts the snapshot to the one that completes it. */
  readonly seconds: number;
  readonly puts: number;
  readonly peakMiB: number;
}

export interface UploadFigures {
  readonly ours: Upload;
  /** coldsnap as it is, and told to leave out blocks of zeros, as we do. */
  readonly coldsnap: Upload;
  readonly coldsnapWithoutZeros: Upload;
  /** Of all blocks, sent by the run after a kill when half of them had been answered. */
  readonly sentAgain: number;
}

/** A disk of 2 GiB goes to an endpoint whose every answer takes 100 ms. */
export async function benchUpload(): Promise<UploadFigures> {
  const blocks = Object.fromEntries(Array.from({ length: BLOCKS }, (_, index) => [index + (index % 3), `${index}`]));
  await using rig = await AmiRig.of({ bytes: DISK_MIB * MIB, blocks });
  const raw = join(rig.dir, 'os.img');
  await runCommand([...(await lz4Program()), '-d', '-q', rig.disks[0].path, raw], { env: {}, onLine: () => undefined });
  const ours = await timeUpload(rig);
  return {
    ours,
    coldsnap: await timeColdsnap([raw]),
    coldsnapWithoutZeros: await timeColdsnap(['--omit-zero-blocks', raw]),
    sentAgain: await resume(rig, ours.puts),
  };
}

async function timeUpload(rig: AmiRig): Promise<Upload> {
  await using endpoint = await slowEndpoint();
  const end = await rig.run(endpoint, {
    stateDir: await rig.freshState(),
    config: { regions: [REGION] },
    patienceMs: 120_000,
  });
  if (end.status !== 0) throw new Error(`Expected an upload to end well:\n${end.stderr}`);
  return { ...transferOf(endpoint), peakMiB: end.peakMiB };
}

async function timeColdsnap(args: readonly string[]): Promise<Upload> {
  await using endpoint = await slowEndpoint();
  const child = spawn(await bringColdsnap(), ['--region', REGION, 'upload', '--no-progress', ...args], {
    env: { ...endpoint.env, PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWaterMiB(child.pid));
  }, 20);
  const status = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (status !== 0) throw new Error(`Expected coldsnap to end well, got status ${String(status)}`);
  return { ...transferOf(endpoint), peakMiB };
}

/** The most memory a process has had; 0 when it is gone. */
function highWaterMiB(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function slowEndpoint(): Promise<AwsEndpoint> {
  const endpoint = await AwsEndpoint.start();
  endpoint.latencyMs = LATENCY_MS;
  return endpoint;
}

/** Of the snapshot with most blocks. */
function transferOf({ calls, world }: AwsEndpoint): Pick<Upload, 'seconds' | 'puts'> {
  const puts = Math.max(...[...world.snapshots.values()].map(({ blocks }) => blocks.size));
  const starts = calls.filter(({ action }) => action === 'ebs:StartSnapshot').map(({ atMs }) => atMs);
  const ends = calls.filter(({ action }) => action === 'ebs:CompleteSnapshot').map(({ atMs }) => atMs);
  return { seconds: (Math.max(...ends) - Math.min(...starts)) / 1000, puts };
}

async function resume(rig: AmiRig, puts: number): Promise<number> {
  await using endpoint = await slowEndpoint();
  const stateDir = await rig.freshState();
  const killer = new AbortController();
  let answered = 0;
  endpoint.onAnswered = ({ action }) => {
    if (action === 'ebs:PutSnapshotBlock') answered += 1;
    if (answered >= puts / 2) killer.abort();
  };
  const config = { regions: [REGION] };
  await rig.run(endpoint, { stateDir, config, patienceMs: 120_000, kill: killer.signal });
  endpoint.onAnswered = () => undefined;
  const before = endpoint.calls.length;
  const end = await rig.run(endpoint, { stateDir, config, patienceMs: 120_000 });
  if (end.status !== 0) throw new Error(`Expected an upload to go on:\n${end.stderr}`);
  return endpoint.calls.slice(before).filter(({ action }) => action === 'ebs:PutSnapshotBlock').length / puts;
}
