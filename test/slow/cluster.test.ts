import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { ApiServer } from '../rig/api-server.ts';
import { DENIALS } from '../rig/denials.ts';
import { freePort } from '../rig/free-port.ts';
import { NodeRig, PATIENCE_MS } from '../rig/node-rig.ts';

/** The node's name leads from the API server, here, to the port that QEMU forwards. */
const NAME = 'localhost';
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const IMAGE = 'localhost/slipway/hello:1.0';
const CONFIG = '/etc/kubernetes/kubelet';
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const RBAC = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

let api: ApiServer;
let node: NodeRig;

beforeAll(async () => {
  api = await ApiServer.start();
  const port = await freePort();
  const hardware = { network: 'outgoing', forward: new Map([[port, port]]) } as const;
  node = await NodeRig.boot({ variant: 'aws-k8s-1.21', packages: ['hello-image'], hardware });
  await admitNodes();
  await introduce(port);
});

afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await api?.[Symbol.asyncDispose]();
});

/** A token that a node may ask for its certificate with. */
async function admitNodes(): Promise<void> {
  await api.ask({
    method: 'POST',
    path: '/api/v1/namespaces/kube-system/secrets',
    body: {
      metadata: { name: `bootstrap-token-${TOKEN.id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': TOKEN.id, 'token-secret': TOKEN.secret, 'usage-bootstrap-authentication': 'true' },
    },
  });
  await api.ask({
    method: 'POST',
    path: RBAC,
    body: {
      metadata: { name: 'nodes-ask-for-certificates' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-bootstrapper' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:bootstrappers' }],
    },
  });
}

/** What settings of a node come to: where its cluster is, how it is asked, and a network for its pods. */
async function introduce(port: number): Promise<void> {
  const ca = await api.readCa();
  await node.put(`${CONFIG}/ca.crt`, ca);
  const config = z.record(z.string(), z.unknown()).parse(parse(await node.ask(`cat ${CONFIG}/config.yaml`)));
  const authentication = {
    anonymous: { enabled: false },
    webhook: { enabled: false },
    x509: { clientCAFile: `${CONFIG}/ca.crt` },
  };
  await node.put(`${CONFIG}/config.yaml`, stringify({ ...config, address: '0.0.0.0', port, authentication }));
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const bootstrap = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'newcomer', user: { token: `${TOKEN.id}.${TOKEN.secret}` } }],
    contexts: [{ name: 'join', context: { cluster: 'test', user: 'newcomer' } }],
    'current-context': 'join',
  };
  await node.put(`${CONFIG}/bootstrap-kubeconfig`, stringify(bootstrap));
  const flags = `--bootstrap-kubeconfig ${CONFIG}/bootstrap-kubeconfig --kubeconfig ${CONFIG}/kubeconfig`;
  await node.put(`${CONFIG}/environment`, `KUBELET_API=${flags}\nKUBELET_NODE=--hostname-override ${NAME}\n`);
  const network = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipam: { type: 'host-local', subnet: '10.1.0.0/24' },
  };
  await node.ask('mkdir -p /etc/cni/net.d');
  await node.put(
    '/etc/cni/net.d/10-pods.conflist',
    JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins: [network] }),
  );
  await node.ask('ctr -n k8s.io images import /usr/share/hello-image/hello.tar');
  // It has not started before the cluster has let it in.
  await node.ask('systemctl restart --no-block kubelet');
}

/** Asks once in a while until there is an answer. */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) {
      throw new Error(`Expected ${what}:\n${await node.ask('journalctl --unit kubelet --no-pager --lines 30')}`);
    }
    await sleep(1000);
  }
}

const requests = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      spec: z.looseObject({ request: z.string(), signerName: z.string(), username: z.string() }),
      status: z.looseObject({ certificate: z.string().optional() }),
    }),
  ),
});

test('a node asks for its certificate with the token it was given', async () => {
  const asked = await until('a request of the node', async () => {
    const { items } = requests.parse(await api.ask({ path: REQUESTS }));
    return items.find(({ spec }) => spec.username === `system:bootstrap:${TOKEN.id}`);
  });
  expect(asked.spec.signerName).toBe('kubernetes.io/kube-apiserver-client-kubelet');
  const path = `${REQUESTS}/${asked.metadata.name}`;
  const approved = { type: 'Approved', status: 'True', reason: 'Known', message: 'One of ours' };
  const approval = { ...asked, status: { conditions: [approved] } };
  const answer = z
    .looseObject({ status: z.looseObject({}) })
    .parse(await api.ask({ method: 'PUT', path: `${path}/approval`, body: approval }));
  const certificate = await api.authority.sign(Buffer.from(asked.spec.request, 'base64').toString(), 'client');
  const status = { ...answer.status, certificate: Buffer.from(certificate).toString('base64') };
  await api.ask({ method: 'PUT', path: `${path}/status`, body: { ...answer, status } });
});

const nodeStatus = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
        nodeInfo: z.object({ kubeletVersion: z.string(), containerRuntimeVersion: z.string() }),
      }),
    }),
  ),
});

test('joins, and turns Ready', async () => {
  const ready = await until('a node that is ready', async () => {
    const { items } = nodeStatus.parse(await api.ask({ path: '/api/v1/nodes' }));
    return items.find(({ status }) =>
      status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
  });
  expect(ready.metadata.name).toBe(NAME);
  expect(ready.status.nodeInfo).toEqual({ kubeletVersion: 'v1.21.14', containerRuntimeVersion: 'containerd://1.7.35' });
});

const pod = z.object({ status: z.object({ phase: z.string(), podIP: z.string().optional() }) });

test('runs a pod in the network of pods, and streams its log', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const containers = [{ name: 'hello', image: IMAGE, imagePullPolicy: 'Never' }];
  const spec = { nodeName: NAME, automountServiceAccountToken: false, terminationGracePeriodSeconds: 1, containers };
  await api.ask({ method: 'POST', path: pods, body: { metadata: { name: 'hello' }, spec } });
  const running = await until('a pod that runs', async () => {
    const { status } = pod.parse(await api.ask({ path: `${pods}/hello` }));
    return status.phase === 'Running' ? status : undefined;
  });
  expect(running.podIP).toMatch(/^10\.1\.0\./);
  const log = await api.stream({ path: `${pods}/hello/log?follow=true` });
  expect(log.statusCode).toBe(200);
  const said = await new Promise<string>((resolve, reject) => {
    log.once('data', (chunk: Buffer) => resolve(chunk.toString())).once('error', reject);
  });
  log.destroy();
  expect(said).toMatch(/^hello from process 1 of user 65535 in system_u:system_r:container_t:s0:c\d+,c\d+/);
});

test('has no failed unit then, and was denied nothing', async () => {
  expect(await node.ask('systemctl list-units --failed --no-legend --plain')).toBe('');
  expect(await node.ask(DENIALS)).toBe('');
});
