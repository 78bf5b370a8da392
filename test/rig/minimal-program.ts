/** The least that tools take for a UEFI program (PE32+ for x86_64). */
export interface ProgramSection {
  /** Longer than 8 bytes, it goes to the string table. */
  readonly name: string;
  readonly content: Buffer;
}

const HEADERS_BYTES = 512;
const OPTIONAL_BYTES = 112 + 16 * 8;
const PE_AT = 64;
const PAGE = 4096;

export function minimalProgram(sections: readonly ProgramSection[]): Buffer {
  const bodies = sections.map(({ content }) => padded(content));
  const end = HEADERS_BYTES + bodies.reduce((sum, body) => sum + body.length, 0);
  const strings: Buffer[] = [Buffer.alloc(4)];
  const headers = Buffer.alloc(HEADERS_BYTES);
  headers.write('MZ');
  headers.writeUInt32LE(PE_AT, 0x3c);
  headers.write('PE\0\0', PE_AT, 'latin1');
  headers.writeUInt16LE(0x8664, PE_AT + 4);
  headers.writeUInt16LE(sections.length, PE_AT + 6);
  // No symbols, but where they would end the string table begins.
  headers.writeUInt32LE(end, PE_AT + 12);
  headers.writeUInt16LE(OPTIONAL_BYTES, PE_AT + 20);
  headers.writeUInt16LE(0x0206, PE_AT + 22);
  const optional = PE_AT + 24;
  headers.writeUInt16LE(0x20b, optional);
  headers.writeUInt32LE(PAGE, optional + 16);
  headers.writeUInt32LE(PAGE, optional + 32);
  headers.writeUInt32LE(512, optional + 36);
  headers.writeUInt32LE(PAGE * (sections.length + 1), optional + 56);
  headers.writeUInt32LE(HEADERS_BYTES, optional + 60);
  headers.writeUInt16LE(10, optional + 68);
  headers.writeUInt32LE(16, optional + 108);
  let offset = HEADERS_BYTES;
  for (const [index, { name }] of sections.entries()) {
    const at = optional + OPTIONAL_BYTES + index * 40;
    const size = bodies[index]?.length ?? 0;
    headers.write(name.length > 8 ? `/${Buffer.concat(strings).length}` : name, at);
    if (name.length > 8) strings.push(Buffer.from(`${name}\0`));
    headers.writeUInt32LE(size, at + 8);
    headers.writeUInt32LE(PAGE * (index + 1), at + 12);
    headers.writeUInt32LE(size, at + 16);
    headers.writeUInt32LE(offset, at + 20);
    headers.writeUInt32LE(0x6000_0020, at + 36);
    offset += size;
  }
  const table = Buffer.concat(strings);
  table.writeUInt32LE(table.length, 0);
  return Buffer.concat([headers, ...bodies, table]);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc(-content.length & 511)]);
}
