/** The only importer of the AWS SDK's clients. They are loaded by the first verb that needs them: a build never does. */
import { setFlagsFromString } from 'node:v8';

import type { EBS } from '@aws-sdk/client-ebs';
import type { EC2 } from '@aws-sdk/client-ec2';
import type { KMS } from '@aws-sdk/client-kms';
import type { ServiceQuotas } from '@aws-sdk/client-service-quotas';
import type { SSM } from '@aws-sdk/client-ssm';
import type { STS } from '@aws-sdk/client-sts';

import { Caller } from './caller.ts';
import type { Patience } from './caller.ts';
import { regionCredentials } from './credentials.ts';
import type { Identity } from './credentials.ts';
import { Lanes } from './lanes.ts';
import type { Verdict } from './verdict.ts';

/** Sockets per client: what the lanes may ever want of it. */
const MAX_BLOCK_LANES = 64;

const SERVICES = ['ec2', 'ebs', 'kms', 'servicequotas', 'ssm', 'sts'] as const;

/** As IAM names them. */
export type Service = (typeof SERVICES)[number];

/** One region, called as the role that publishes there. */
export class Region {
  readonly name: string;
  readonly ec2: EC2;
  readonly ebs: EBS;
  readonly kms: KMS;
  readonly servicequotas: ServiceQuotas;
  readonly ssm: SSM;
  readonly sts: STS;
  readonly lanes: Readonly<Record<Service, Lanes>>;
  readonly #caller: Caller;

  constructor(name: string, caller: Caller, clients: Pick<Region, Service>) {
    this.name = name;
    this.#caller = caller;
    this.ec2 = clients.ec2;
    this.ebs = clients.ebs;
    this.kms = clients.kms;
    this.servicequotas = clients.servicequotas;
    this.ssm = clients.ssm;
    this.sts = clients.sts;
    this.lanes = {
      ec2: new Lanes({ start: 4, ceiling: 8 }),
      // All of them at once: it is throttling that makes them fewer.
      ebs: new Lanes({ start: MAX_BLOCK_LANES, ceiling: MAX_BLOCK_LANES }),
      kms: new Lanes({ start: 2, ceiling: 4 }),
      servicequotas: new Lanes({ start: 2, ceiling: 4 }),
      ssm: new Lanes({ start: 2, ceiling: 4 }),
      sts: new Lanes({ start: 2, ceiling: 4 }),
    };
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  /** Makes one call, with all tries it takes: `at.call('ec2:DescribeImages', (o) => at.ec2.describeImages(input, o))`. */
  call<T>(
    action: `${Service}:${string}`,
    attempt: (handler: { abortSignal: AbortSignal }) => Promise<T>,
    judge?: (error: unknown) => Verdict | undefined,
  ): Promise<T> {
    const service = SERVICES.find((one) => action.startsWith(`${one}:`));
    const lanes = this.lanes[service ?? 'ec2'];
    return this.#caller.call({ action, region: this.name, lanes, ...(judge && { judge }) }, attempt);
  }
}

export interface RegionOptions {
  readonly identity: Identity;
  readonly signal: AbortSignal;
  readonly patience: Patience;
}

/** Clients of every region that is asked for, made once. */
export class Regions {
  readonly #options: RegionOptions;
  readonly #caller: Caller;
  readonly #regions = new Map<string, Promise<Region>>();

  constructor(options: RegionOptions) {
    keepHeapSmall();
    this.#options = options;
    this.#caller = new Caller(options.signal, options.patience);
  }

  at(name: string): Promise<Region> {
    const known = this.#regions.get(name) ?? this.#open(name);
    this.#regions.set(name, known);
    return known;
  }

  async #open(name: string): Promise<Region> {
    const [{ EBS }, { EC2 }, { KMS }, { ServiceQuotas }, { SSM }, { STS }] = await Promise.all([
      import('@aws-sdk/client-ebs'),
      import('@aws-sdk/client-ec2'),
      import('@aws-sdk/client-kms'),
      import('@aws-sdk/client-service-quotas'),
      import('@aws-sdk/client-ssm'),
      import('@aws-sdk/client-sts'),
    ]);
    const credentials = await regionCredentials(this.#options.identity, name);
    const requestHandler = {
      connectionTimeout: 5000,
      httpsAgent: { maxSockets: MAX_BLOCK_LANES },
      httpAgent: { maxSockets: MAX_BLOCK_LANES },
    };
    const config = { region: name, credentials, maxAttempts: 1, requestHandler };
    return new Region(name, this.#caller, {
      ec2: new EC2(config),
      ebs: new EBS(config),
      kms: new KMS(config),
      servicequotas: new ServiceQuotas(config),
      ssm: new SSM(config),
      sts: new STS(config),
    });
  }
}

/**
 * Blocks of disks live outside of V8's heap, and thousands of requests leave short-lived objects in it: its young generation grows to a
 * hundred MiB for that, and holds on to it. Before the SDK is loaded, which makes it grow, too.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--max-semi-space-size=8');
}
