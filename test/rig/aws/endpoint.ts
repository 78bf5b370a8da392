/**
 * EC2 images, EBS direct, Parameter Store, Service Quotas, STS and one call of KMS over HTTP, holding to their documented rules, and able to do what a
 * cloud does on a bad day: throttle, delay, fail, lose a region, lose an answer.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { EC2, ec2Tags } from './ec2.ts';
import { ebsAction, ebsTags, serveEbs } from './ebs.ts';
import type { RestRequest } from './ebs.ts';
import { QUOTAS } from './quotas.ts';
import { KMS, SSM } from './ssm.ts';
import { ApiError, need, parseQuery, text, toXml } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import { World } from './world.ts';
import type { Call, Caller } from './world.ts';

/** What happens to a request. `lost`: it is done, but its answer never comes. `dropped`: it never arrives. */
export type Fate = 'served' | 'lost' | 'dropped' | 'throttled' | 'broken' | 'denied';

interface Request extends RestRequest {
  readonly service: string;
  readonly params: Param;
  readonly json: unknown;
}

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
    const call: Call = { ...caller, service: request.service, action, number: this.calls.length + 1 };
    this.calls.push(call);
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

  #answer(
    request: Request,
    caller: Caller,
  ): { status?: number; headers?: Record<string, string>; body: Buffer | object | string } {
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

function denied(action: string, { service }: Request): ApiError {
  const code = service === 'ec2' ? 'UnauthorizedOperation' : 'AccessDeniedException';
  return new ApiError(code, `You are not authorized to perform ${action}`, 403);
}

function xmlOf(name: string, body: Xml): string {
  return `<${name}Response>${toXml(body)}</${name}Response>`;
}

function serveSts(name: string, caller: Caller, params: Param): Xml {
  if (name === 'GetCallerIdentity')
    return { Account: caller.account, UserId: 'AIDA', Arn: `arn:aws:iam::${caller.account}:user/publisher` };
  const role = need(params, 'RoleArn');
  const [, account = ''] = /iam::(\d{12}):role/.exec(role) ?? [];
  if (role.endsWith('/missing'))
    throw new ApiError('AccessDenied', `Not authorized to perform: sts:AssumeRole on resource: ${role}`, 403);
  const expires = new Date(Date.now() + 3_600_000).toISOString();
  return {
    Credentials: {
      AccessKeyId: `ASIA${account}`,
      SecretAccessKey: 'not-a-secret',
      SessionToken: 'token',
      Expiration: expires,
    },
    AssumedRoleUser: { Arn: `${role}/${text(params, 'RoleSessionName')}`, AssumedRoleId: 'AROA' },
  };
}

async function readRequest(message: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const url = new URL(message.url ?? '/', 'http://endpoint');
  const [, , , service = 'ec2'] = scopeOf(message);
  const type = message.headers['content-type'] ?? '';
  return {
    service,
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    header: (name) => {
      const value = message.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    body,
    params: type.includes('form-urlencoded') ? parseQuery(body.toString()) : undefined,
    json: type.includes('x-amz-json') ? JSON.parse(body.toString()) : undefined,
  };
}

/** `AKIA.../20260101/eu-north-1/ec2/aws4_request`, of the signature's header. */
function scopeOf({ headers }: IncomingMessage): readonly string[] {
  return /Credential=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split('/') ?? [];
}

function readCaller(message: IncomingMessage): Caller {
  const [key = '', , region = ''] = scopeOf(message);
  return { account: /\d{12}/.exec(key)?.[0] ?? '', region };
}

function actionOf(request: Request): string {
  if (request.service === 'ebs') return ebsAction(request);
  return text(request.params, 'Action') ?? request.header('x-amz-target')?.split('.')[1] ?? 'Unknown';
}

function send(
  response: ServerResponse,
  {
    status = 200,
    headers = {},
    body,
  }: { status?: number; headers?: Record<string, string>; body: Buffer | object | string },
): void {
  if (Buffer.isBuffer(body)) response.writeHead(status, headers).end(body);
  else if (typeof body === 'string') response.writeHead(status, { 'content-type': 'text/xml', ...headers }).end(body);
  else response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function sendError(response: ServerResponse, { service }: Request, { code, message, status }: ApiError): void {
  if (service === 'ec2')
    send(response, {
      status,
      body: `<Response>${toXml({ Errors: { Error: { Code: code, Message: message } }, RequestID: '1' })}</Response>`,
    });
  else if (service === 'sts')
    send(response, {
      status,
      body: `<ErrorResponse>${toXml({ Error: { Type: 'Sender', Code: code, Message: message }, RequestId: '1' })}</ErrorResponse>`,
    });
  else send(response, { status, headers: { 'x-amzn-errortype': code }, body: { __type: code, message } });
}
