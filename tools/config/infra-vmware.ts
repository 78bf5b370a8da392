import { z } from 'zod';

const text = z.string().min(1);

/** Where something goes in a vSphere, and which vSphere that is. */
const placeSchema = z.strictObject({
  'vsphere-url': text.optional().describe('Address of the vCenter; GOVC_URL wins'),
  datacenter: text.optional().describe('Name or inventory path; GOVC_DATACENTER wins'),
  datastore: text.optional().describe('Name or inventory path; GOVC_DATASTORE wins'),
  network: text.optional().describe('What the networks of the OVA become; GOVC_NETWORK wins'),
  folder: text.optional().describe('Folder of machines, name or inventory path; GOVC_FOLDER wins'),
  'resource-pool': text.optional().describe('Name or inventory path; GOVC_RESOURCE_POOL wins'),
  library: text.optional().describe('Content library'),
});

export type PlaceConfig = z.output<typeof placeSchema>;

/** The `vmware` section of Infra.yaml: where OVAs go. Nothing in it is secret. */
export const vmwareSchema = z.strictObject({
  datacenters: z.array(text).default([]).describe('Names below "datacenter", in the order in which they are served'),
  common: placeSchema.default({}).describe('What datacenters have that do not say otherwise'),
  datacenter: z.record(z.string(), placeSchema).default({}),
  'tls-ca-certs': text
    .optional()
    .describe('File with the certificates, in PEM, of those who vouch for vCenters; GOVC_TLS_CA_CERTS wins'),
});

export type VmwareConfig = z.output<typeof vmwareSchema>;
