/** The log that firmware keeps of what it tells a TPM (TCG PC Client Platform Firmware Profile 1.06, 10.2): Linux shows it as binary_bios_measurements. */
import { BuildError } from '../errors.ts';
import { EVENT_TYPES, type Hash } from './pcr.ts';

/** TCG Algorithm Registry. */
const ALGORITHMS: ReadonlyMap<number, Hash> = new Map([
  [0x0004, 'sha1'],
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
]);

/** Told to nobody but the reader of the log. */
const EV_NO_ACTION = 0x03;
const SIGNATURE = 'Spec ID Event03\0';

export interface LoggedEvent {
  readonly pcr: number;
  readonly type: number;
  readonly digests: ReadonlyMap<Hash, Buffer>;
  readonly data: Buffer;
}

/** What was measured, in order. @throws BuildError secure-boot/not-an-event-log */
export function parseEventLog(bytes: Buffer, file: string): readonly LoggedEvent[] {
  try {
    return [...events(bytes)].filter(({ type }) => type !== EV_NO_ACTION);
  } catch (cause) {
    throw new BuildError('secure-boot/not-an-event-log', `Cannot read "${file}" as event log of a TPM 2.0`, {
      hint: 'Take /sys/kernel/security/tpm0/binary_bios_measurements of a running machine, whole and as it is',
      cause,
    });
  }
}

function* events(bytes: Buffer): Generator<LoggedEvent> {
  const { sizes, end } = header(bytes);
  let at = end;
  while (at < bytes.length) {
    const [pcr, type, count] = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset));
    at += 12;
    const digests = new Map<Hash, Buffer>();
    for (let index = 0; index < (count ?? 0); index += 1) {
      const algorithm = bytes.readUInt16LE(at);
      const size = sizes.get(algorithm);
      if (size === undefined) throw new RangeError(`expected an algorithm that the log begins with, got ${algorithm}`);
      const hash = ALGORITHMS.get(algorithm);
      if (hash !== undefined) digests.set(hash, taken(bytes, at + 2, size));
      at += 2 + size;
    }
    const data = taken(bytes, at + 4, bytes.readUInt32LE(at));
    at += 4 + data.length;
    yield { pcr: pcr ?? 0, type: type ?? 0, digests, data };
  }
}

/** TCG_EfiSpecIDEvent, in an event of the old form (PCR, type, 20 bytes of SHA-1, size): which algorithms there are, and how long their digests. */
function header(bytes: Buffer): { readonly sizes: ReadonlyMap<number, number>; readonly end: number } {
  const start = 32;
  if (bytes.toString('latin1', start, start + SIGNATURE.length) !== SIGNATURE)
    throw new RangeError('expected "Spec ID Event03" at its start');
  const sizes = new Map<number, number>();
  const list = start + 28;
  for (let index = 0; index < bytes.readUInt32LE(start + 24); index += 1)
    sizes.set(bytes.readUInt16LE(list + 4 * index), bytes.readUInt16LE(list + 4 * index + 2));
  return { sizes, end: start + bytes.readUInt32LE(start - 4) };
}

function taken(bytes: Buffer, at: number, size: number): Buffer {
  if (at + size > bytes.length) throw new RangeError(`expected ${size} bytes at ${at}, got ${bytes.length - at}`);
  return bytes.subarray(at, at + size);
}

const NAMES = new Map<number, string>(Object.entries(EVENT_TYPES).map(([name, type]) => [type, name]));

/** `EV_IPL "grub_cmd: boot"`; of data that is no text only how much there is. */
export function describeEvent({ type, data }: LoggedEvent): string {
  const name = NAMES.get(type) ?? `event type 0x${type.toString(16)}`;
  const text = data.toString('latin1').replace(/\0$/, '');
  return /^[\x20-\x7e\n]+$/.test(text) ? `${name} "${text}"` : `${name} of ${data.length} bytes`;
}
