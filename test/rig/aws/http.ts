/** Requests of all services as they come over HTTP, and answers and errors as each service writes them. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { ebsAction } from './ebs.ts';
import { ApiError, parseQuery, text, toXml } from './wire.ts';
import type { Param, RestRequest, Xml } from './wire.ts';
import type { Caller } from './world.ts';

export interface Request extends RestRequest {
  readonly service: string;
  readonly params: Param;
  readonly json: unknown;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: Buffer | object | string;
}

export async function readRequest(message: IncomingMessage): Promise<Request> {
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

export function readCaller(message: IncomingMessage): Caller {
  const [key = '', , region = ''] = scopeOf(message);
  return { account: /\d{12}/.exec(key)?.[0] ?? '', region };
}

export function actionOf(request: Request): string {
  if (request.service === 'ebs') return ebsAction(request);
  return text(request.params, 'Action') ?? request.header('x-amz-target')?.split('.')[1] ?? 'Unknown';
}

export function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  if (Buffer.isBuffer(body)) response.writeHead(status, headers).end(body);
  else if (typeof body === 'string') response.writeHead(status, { 'content-type': 'text/xml', ...headers }).end(body);
  else response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function sendError(response: ServerResponse, { service }: Request, { code, message, status }: ApiError): void {
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

export function denied(action: string, { service }: Request): ApiError {
  const code = service === 'ec2' ? 'UnauthorizedOperation' : 'AccessDeniedException';
  return new ApiError(code, `You are not authorized to perform ${action}`, 403);
}

export function xmlOf(name: string, body: Xml): string {
  return `<${name}Response>${toXml(body)}</${name}Response>`;
}
