/**
 * EC2 images, EBS direct, Parameter Store, Service Quotas, STS and one call of KMS over HTTP, holding to their documented rules, and able to do what a
 * cloud does on a bad day: throttle, delay, fail, lose a region, lose an answer.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { ec2Tags } from './ec2-common.ts';
import { EC2 } from './ec2.ts';
import { ebsTags, serveEbs } from './ebs.ts';
import { actionOf, denied, readCaller, readRequest, send, sendError, xmlOf } from './http.ts';
import type { Answer, Request } from './http.ts';
import { KMS } from './kms.ts';
import { QUOTAS } from './quotas.ts';
import { SSM } from './ssm.ts';
import { serveSts } from './sts.ts';
import { ApiError } from './wire.ts';
import { World } from './world.ts';
import type { Call, Caller } from './world.ts';

/** What happens to a request. `lost`: it is done, but its answer never comes. `dropped`: it never arrives. */
export type Fate = 'served' | 'lost' | 'dropped' | 'throttled' | 'broken' | 'denied';

export const ACCOUNT = '111111111111';
/** Credentials of an account, for the environment of a command. */
export function credentials(account = ACCOUNT): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: `AKIA${account}`,
    AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

const JSON_SERVICES: ReadonlyMap<string, typeof SSM> = new Map([
  ['ssm', SSM],
  ['kms', KMS],
  ['servicequotas', QUOTAS],
]);

export class AwsEndpoint implements AsyncDisposable {
  readonly world = new World();
  readonly calls: Call[] = [];
  /** Decides on each request; one that is promised holds the request until then. */
  fate: (call: Call) => Fate | Promise<Fate> = () => 'served';
  latencyMs = 0;
  /** Told of each request whose answer is out. */
  onAnswered: (call: Call) => void = () => undefined;
  /** Requests that have come and have no answer yet. */
  open = 0;
  /** Actions that are allowed; all where undefined. */
  policy: ReadonlySet<string> | undefined;
  readonly #server = createServer((request, response) => {
    this.open += 1;
    void this.#serve(request, response).finally(() => (this.open -= 1));
  });

  static async start(): Promise<AwsEndpoint> {
    const endpoint = new AwsEndpoint();
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('Expected a port');
    return `http://127.0.0.1:${address.port}`;
  }

  /** For the environment of a command. */
  get env(): Record<string, string> {
    return { ...credentials(), AWS_ENDPOINT_URL: this.url, NO_PROXY: '127.0.0.1' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    const caller = readCaller(message);
    const action = `${request.service}:${actionOf(request)}`;
    const call: Call = {
      ...caller,
      service: request.service,
      action,
      number: this.calls.length + 1,
      atMs: performance.now(),
    };
    this.calls.push(call);
    response.once('finish', () => this.onAnswered(call));
    if (this.latencyMs > 0) await sleep(this.latencyMs);
    const fate = await this.fate(call);
    try {
      if (fate === 'dropped') return void message.socket.destroy();
      if (fate === 'throttled')
        throw new ApiError(request.service === 'ec2' ? 'RequestLimitExceeded' : 'ThrottlingException', 'Rate exceeded');
      if (fate === 'broken') throw new ApiError('InternalError', 'An internal error has occurred', 500);
      if (fate === 'denied') throw denied(action, request);
      this.#authorize(action, request);
      const answer = this.#answer(request, caller);
      if (fate === 'lost') return void message.socket.destroy();
      send(response, answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      sendError(response, request, error);
    }
  }

  #authorize(action: string, request: Request): void {
    const tags = request.service === 'ebs' ? ebsTags(request) : request.service === 'ec2' && ec2Tags(request.params);
    for (const needed of tags ? [action, 'ec2:CreateTags'] : [action]) {
      // Everybody may ask who they are.
      if (this.policy === undefined || this.policy.has(needed) || needed === 'sts:GetCallerIdentity') continue;
      throw denied(needed, request);
    }
  }

  #answer(request: Request, caller: Caller): Answer {
    const name = actionOf(request);
    if (request.service === 'ebs') return serveEbs(this.world, caller, request);
    const json = JSON_SERVICES.get(request.service);
    if (json !== undefined) {
      const handler = json[name];
      if (handler === undefined) throw new ApiError('UnknownOperationException', `${name} is not known here`);
      return {
        headers: { 'content-type': 'application/x-amz-json-1.1' },
        body: handler(this.world, caller, request.json),
      };
    }
    const handler = request.service === 'sts' ? undefined : EC2[name];
    if (request.service === 'sts')
      return { body: xmlOf(name, { [`${name}Result`]: serveSts(name, caller, request.params) }) };
    if (handler === undefined)
      throw new ApiError('InvalidAction', `The action ${name} is not valid for this web service.`);
    return { body: xmlOf(name, handler(this.world, caller, request.params)) };
  }
}
