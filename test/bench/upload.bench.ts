import { AmiRig } from '../rig/aws/ami-job.ts';
import { AwsEndpoint } from '../rig/aws/endpoint.ts';

const MIB = 1024 * 1024;
const BLOCK_MIB = 0.5;
const DISK_MIB = 2048;
/** Of a disk of an OS that fills a third of it. */
const BLOCKS = 1400;
const LATENCY_MS = 100;
const CONFIG = { regions: ['eu-north-1'] };

export interface UploadFigures {
  /** Of blocks sent, per second of a whole `ami create`, which reads every block back. */
  readonly mibPerSecond: number;
  readonly peakMiB: number;
  /** Of all blocks, sent by the run after a kill at half of them. */
  readonly sentAgain: number;
}

/** A disk of 2 GiB goes to an endpoint whose every answer takes 100 ms. */
export async function benchUpload(): Promise<UploadFigures> {
  const blocks = Object.fromEntries(Array.from({ length: BLOCKS }, (_, index) => [index + (index % 3), `${index}`]));
  await using rig = await AmiRig.of({ bytes: DISK_MIB * MIB, blocks });
  const { seconds, peakMiB, puts } = await timeUpload(rig);
  return { mibPerSecond: (puts * BLOCK_MIB) / seconds, peakMiB, sentAgain: await resume(rig, puts) };
}

async function timeUpload(rig: AmiRig): Promise<{ seconds: number; peakMiB: number; puts: number }> {
  await using endpoint = await AwsEndpoint.start();
  endpoint.latencyMs = LATENCY_MS;
  const startedMs = performance.now();
  const end = await rig.run(endpoint, { stateDir: await rig.freshState(), config: CONFIG, patienceMs: 120_000 });
  if (end.status !== 0) throw new Error(`Expected an upload to end well:\n${end.stderr}`);
  return { seconds: (performance.now() - startedMs) / 1000, peakMiB: end.peakMiB, puts: putsOf(endpoint) };
}

async function resume(rig: AmiRig, puts: number): Promise<number> {
  await using endpoint = await AwsEndpoint.start();
  endpoint.latencyMs = LATENCY_MS;
  const stateDir = await rig.freshState();
  const killer = new AbortController();
  endpoint.fate = () => {
    if (putsOf(endpoint) >= puts / 2) killer.abort();
    return 'served';
  };
  await rig.run(endpoint, { stateDir, config: CONFIG, patienceMs: 120_000, kill: killer.signal });
  const before = putsOf(endpoint);
  endpoint.fate = () => 'served';
  await rig.run(endpoint, { stateDir, config: CONFIG, patienceMs: 120_000 });
  return (putsOf(endpoint) - before) / puts;
}

function putsOf({ calls }: AwsEndpoint): number {
  return calls.reduce((sum, { action }) => sum + (action === 'ebs:PutSnapshotBlock' ? 1 : 0), 0);
}
