/** As much of DER (X.690) as signatures of programs take: values are written inside out, and read by their order. */

export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), length(body.length), body]);
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return der(0x30, ...content);
}

/** Of elements that are in order already. */
export function setOf(...content: readonly Uint8Array[]): Buffer {
  return der(0x31, ...content);
}

/** `[number]`, around what it holds. */
export function tagged(number: number, ...content: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...content);
}

export function octets(content: Uint8Array): Buffer {
  return der(0x04, content);
}

/** From 0 to 127. */
export function smallInteger(value: number): Buffer {
  return der(0x02, Buffer.of(value));
}

/** `1.2.840.113549.1.7.2`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

export const NULL = Buffer.of(0x05, 0x00);

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes);
  const digits = [];
  for (let rest = bytes; rest > 0; rest >>= 8) digits.unshift(rest & 0xff);
  return Buffer.of(0x80 | digits.length, ...digits);
}

/** The elements inside an element, each with its tag and length. @throws RangeError on anything but DER */
export function elements(element: Uint8Array): Buffer[] {
  let { content } = readElement(Buffer.from(element));
  const found: Buffer[] = [];
  while (content.length > 0) {
    const { end } = readElement(content);
    found.push(content.subarray(0, end));
    content = content.subarray(end);
  }
  return found;
}

/** What is inside of an element. */
export function contentOf(element: Uint8Array): Buffer {
  return readElement(Buffer.from(element)).content;
}

function readElement(bytes: Buffer): { readonly content: Buffer; readonly end: number } {
  const first = bytes.readUInt8(1);
  const digits = first < 0x80 ? 0 : first & 0x7f;
  const size = digits === 0 ? first : bytes.readUIntBE(2, digits);
  const end = 2 + digits + size;
  if (end > bytes.length) throw new RangeError(`Expected ${end} bytes of DER, got ${bytes.length}`);
  return { content: bytes.subarray(2 + digits, end), end };
}
