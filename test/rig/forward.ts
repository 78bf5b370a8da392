import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** A server in front of another, which writes down what it is asked. */
export interface Forward extends AsyncDisposable {
  readonly url: string;
  /** `PUT /bucket/key?partNumber=1`, and of a copy within a bucket ` from bucket/key` too, in the order they came. */
  readonly requests: string[];
}

export async function forward(to: string): Promise<Forward> {
  const requests: string[] = [];
  const server = createServer((incoming, answer) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const source = headers['x-amz-copy-source'];
    requests.push(`${method} ${url}${source === undefined ? '' : ` from ${String(source)}`}`);
    const onward = request(new URL(url, to), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('Expected a port');
  const dispose = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${address.port}`, requests, [Symbol.asyncDispose]: dispose };
}
