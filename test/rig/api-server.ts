import { readFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';

import { runCommand } from '../../tools/process/command.ts';
import { Authority } from './authority.ts';
import { bringPrograms } from './built-programs.ts';
import { freePort } from './free-port.ts';
import { Rig } from './rig.ts';
import { SandboxRig } from './sandbox-rig.ts';

/** The host as a machine with QEMU's own network sees it. */
const HOST_IN_GUEST = '10.0.2.2';
const START_TIMEOUT_MS = 180_000;
const POLL_MS = 500;
const TAIL_LINES = 20;

/** A call of the API; `body` is sent as JSON. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** kube-apiserver and etcd on the loopback interface, of which the first knows its nodes by their host names, until the scope ends. */
export class ApiServer implements AsyncDisposable {
  readonly port: number;
  readonly authority: Authority;
  readonly #rig: Rig;
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>[] = [];
  readonly #lines: string[] = [];

  private constructor(rig: Rig, authority: Authority, port: number) {
    this.#rig = rig;
    this.authority = authority;
    this.port = port;
  }

  static async start(): Promise<ApiServer> {
    const rig = await Rig.create({});
    await bringPrograms(rig.dir, 'etcd', ['etcd']);
    await bringPrograms(rig.dir, 'kube-apiserver-1.21', ['kube-apiserver']);
    const tools = await SandboxRig.create('image');
    const authority = await Authority.create(rig.dir, tools.program('usr/bin/openssl'));
    const server = new ApiServer(rig, authority, await freePort());
    await tools[Symbol.asyncDispose]();
    try {
      await server.#run();
      await server.#untilReady();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** As a node of this machine's network reaches it. */
  get url(): string {
    return `https://${HOST_IN_GUEST}:${this.port}`;
  }

  async readCa(): Promise<string> {
    return await readFile(this.authority.path('ca.crt'), 'utf8');
  }

  /** What the API answers the administrator. @throws Error with the API's own words */
  async ask({ path, method = 'GET', body }: Call): Promise<unknown> {
    const response = await this.stream({ path, method, body });
    const answer = await text(response);
    const { statusCode = 0 } = response;
    if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${answer}`);
    return JSON.parse(answer);
  }

  /** The same, while it is still being said. */
  async stream({ path, method = 'GET', body }: Call): Promise<IncomingMessage> {
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'admin.crt', 'admin.key'].map(async (file) => await readFile(this.authority.path(file))),
    );
    return await new Promise((resolve, reject) => {
      const address = { host: '127.0.0.1', port: this.port, path, method, ca, cert, key };
      const request = httpsRequest({ ...address, headers: { 'content-type': 'application/json' } }, resolve);
      request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async #run(): Promise<void> {
    const { authority } = this;
    await authority.issue('server', 'server', '/CN=kube-apiserver');
    await authority.issue('admin', 'client', '/O=system:masters/CN=admin');
    await authority.makeKey('accounts');
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    this.#start('etcd', {
      name: 'only',
      'data-dir': authority.path('etcd-data'),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `only=${peer}`,
    });
    this.#start('kube-apiserver', {
      'etcd-servers': client,
      'bind-address': '127.0.0.1',
      'secure-port': String(this.port),
      'advertise-address': HOST_IN_GUEST,
      'endpoint-reconciler-type': 'none',
      'tls-cert-file': authority.path('server.crt'),
      'tls-private-key-file': authority.path('server.key'),
      'client-ca-file': authority.path('ca.crt'),
      'kubelet-client-certificate': authority.path('admin.crt'),
      'kubelet-client-key': authority.path('admin.key'),
      'kubelet-preferred-address-types': 'Hostname',
      'authorization-mode': 'Node,RBAC',
      'enable-bootstrap-token-auth': 'true',
      // Nobody makes service accounts here: that is the controller manager's.
      'disable-admission-plugins': 'ServiceAccount',
      'service-cluster-ip-range': '10.96.0.0/16',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-signing-key-file': authority.path('accounts.key'),
      'service-account-key-file': authority.path('accounts.key'),
    });
  }

  #start(program: string, flags: Readonly<Record<string, string>>): void {
    const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const { dir } = this.#rig;
    const ended = runCommand([this.authority.path(program), ...argv], {
      cwd: dir,
      env: { HOME: dir },
      onLine: (line) => this.#lines.push(`${program}: ${line}`),
      signal: this.#stop.signal,
    });
    this.#ended.push(ended.catch(() => undefined));
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const response = await this.stream({ path: '/readyz' }).catch(() => undefined);
      response?.resume();
      if (response?.statusCode === 200) return;
      if (Date.now() > deadline)
        throw new Error(`Expected an API server:\n${this.#lines.slice(-TAIL_LINES).join('\n')}`);
      await sleep(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#ended);
    await this.#rig[Symbol.asyncDispose]();
  }
}
