/** The machine we describe where a variant has no template of its own: OVF 1.1 (DSP0243), with what vSphere adds to it. */

export interface TemplateOptions {
  /** Whether data has a disk of its own. */
  readonly plan: 'split' | 'unified';
  readonly secureBoot: boolean;
}

export function defaultTemplate({ plan, secureBoot }: TemplateOptions): string {
  const names = plan === 'split' ? (['OS', 'DATA'] as const) : (['OS'] as const);
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <References>
${names.map((name) => `    <File ovf:href="{{${name}_DISK}}" ovf:id="${name.toLowerCase()}-file" ovf:size="{{${name}_DISK_FILE_BYTES}}"/>\n`).join('')}  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
${names.map(disk).join('')}  </DiskSection>
  <NetworkSection>
    <Info>Logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the node and its containers</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="{{NAME}}">
    <Info>{{PRETTY_NAME}} {{VERSION}}</Info>
    <Name>{{NAME}}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="other4xLinux64Guest">
      <Info>The kind of guest</Info>
      <Description>Linux, 64 bits</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>What the machine needs</Info>
      <System>
        <vssd:ElementName>Virtual hardware family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{{NAME}}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-15</vssd:VirtualSystemType>
      </System>
${items(names)}${settings(secureBoot)}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

function disk(name: string): string {
  const format = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized';
  const id = name.toLowerCase();
  return `    <Disk ovf:capacity="{{${name}_DISK_BYTES}}" ovf:capacityAllocationUnits="byte" ovf:diskId="${id}-disk" ovf:fileRef="${id}-file" ovf:format="${format}"/>\n`;
}

/** CIM_ResourceAllocationSettingData: the fields of an item stand in alphabetical order. */
type Item = readonly (readonly [field: string, value: string])[];

const CONTROLLER = '3';

function items(disks: readonly string[]): string {
  const all: Item[] = [
    [
      ['AllocationUnits', 'hertz * 10^6'],
      ['ElementName', '2 virtual CPUs'],
      ['InstanceID', '1'],
      ['ResourceType', '3'],
      ['VirtualQuantity', '2'],
    ],
    [
      ['AllocationUnits', 'byte * 2^20'],
      ['ElementName', '8192 MB of memory'],
      ['InstanceID', '2'],
      ['ResourceType', '4'],
      ['VirtualQuantity', '8192'],
    ],
    [
      ['Address', '0'],
      ['ElementName', 'Paravirtual SCSI controller'],
      ['InstanceID', CONTROLLER],
      ['ResourceSubType', 'VirtualSCSI'],
      ['ResourceType', '6'],
    ],
    ...disks.map((name, index): Item => [
      ['AddressOnParent', String(index)],
      ['ElementName', `${name} disk`],
      ['HostResource', `ovf:/disk/${name.toLowerCase()}-disk`],
      ['InstanceID', String(4 + index)],
      ['Parent', CONTROLLER],
      ['ResourceType', '17'],
    ]),
    [
      ['AutomaticAllocation', 'true'],
      ['Connection', 'VM Network'],
      ['ElementName', 'Network adapter'],
      ['InstanceID', '6'],
      ['ResourceSubType', 'VmxNet3'],
      ['ResourceType', '10'],
    ],
  ];
  return all.map(item).join('');
}

function item(fields: Item): string {
  const lines = fields.map(([field, value]) => `        <rasd:${field}>${value}</rasd:${field}>\n`);
  return `      <Item>\n${lines.join('')}      </Item>\n`;
}

function settings(secureBoot: boolean): string {
  // By the disk's serial number a container's volume is told from another.
  const extra = [['disk.enableUUID', 'TRUE'], ...(secureBoot ? certificates() : [])] as const;
  const config = [
    ['firmware', secureBoot ? 'efi' : 'bios'],
    ['bootOptions.efiSecureBootEnabled', String(secureBoot)],
  ] as const;
  return [
    ...config.map(([key, value]) => setting('Config', key ?? '', value ?? '')),
    ...extra.map(([key, value]) => setting('ExtraConfig', key ?? '', value ?? '')),
  ].join('');
}

/** What the machine's firmware starts with in place of what it comes with. */
function certificates(): [string, string][] {
  const values = { PK: 'PK_CERT_DER_HEX', KEK: 'KEK_CERT_DER_HEX', db: 'DB_CERT_DER_HEX', dbx: 'DBX_EMPTY_HASH_HEX' };
  return Object.entries(values).flatMap(([name, placeholder]) => [
    [`uefi.secureBoot.${name}Default.value0`, `{{${placeholder}}}`],
    [`uefi.secureBoot.${name}Default.append`, 'FALSE'],
  ]);
}

// oxlint-disable-next-line max-params -- an element, and the two attributes it is made of
function setting(element: string, key: string, value: string): string {
  return `      <vmw:${element} ovf:required="false" vmw:key="${key}" vmw:value="${value}"/>\n`;
}
