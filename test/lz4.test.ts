import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { decodeFrames } from '../tools/lz4/frame.ts';
import { blockOf, lz4Program } from './rig/aws/disk-fixture.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let dir: string;
let program: readonly string[];
let sha256: string;

/** Text, holes, noise, and runs that repeat at every distance that a match can have. */
function sample(): Buffer {
  const text = Buffer.from(Array.from({ length: 40_000 }, (_, index) => `line ${index} of ${index % 97}\n`).join(''));
  const short = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) % 251));
  return Buffer.concat([text, Buffer.alloc(9_000_000), blockOf('noise'), short, text, Buffer.alloc(1)]);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-lz4-'));
  program = await lz4Program();
  const bytes = sample();
  sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(dir, 'sample'), bytes);
});

afterAll(() => rmSync(dir, { recursive: true }));

function compress(...flags: readonly string[]): string {
  const [lz4 = '', ...args] = program;
  const path = join(dir, `sample.${flags.join('')}.lz4`);
  execFileSync(lz4, [...args, ...flags, '-q', '-f', join(dir, 'sample'), path]);
  return path;
}

async function digestOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of decodeFrames(source)) hash.update(piece);
  return hash.digest('hex');
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

test.each([
  { flags: ['-1'] },
  { flags: ['-9'] },
  { flags: ['-9', '-BD'] },
  { flags: ['-9', '-BD', '-B4'] },
  { flags: ['-B5', '-BX'] },
  { flags: ['-B7', '--content-size'] },
  { flags: ['--no-frame-crc'] },
])('what lz4 $flags compresses is decoded to the same bytes', async ({ flags }) => {
  expect(await digestOf(createReadStream(compress(...flags)))).toBe(sha256);
});

test('it does not matter in which pieces the bytes come, nor that a frame follows another', async () => {
  const frame = readFileSync(compress('-9'));
  expect(await digestOf(pieces(frame, 1013))).toBe(sha256);
  const twice = createHash('sha256').update(sample()).update(sample()).digest('hex');
  expect(await digestOf(pieces(Buffer.concat([frame, frame]), 1 << 20))).toBe(twice);
});

/** A frame of somebody's own data (LZ4 frame format, "Skippable Frames"): one of 16 magic numbers, a length, that many bytes. */
function userFrame(number: number, bytes: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + number);
  head.writeUInt32LE(bytes, 4);
  return Buffer.concat([head, Buffer.alloc(bytes, 1)]);
}

test.each([0, 15])('frames of other data, of kind %i, are read past wherever they stand', async (number) => {
  const frame = readFileSync(compress('-9'));
  const around = [userFrame(number, 0), userFrame(number, 100_000), frame, userFrame(number, 3)];
  expect(await digestOf(pieces(Buffer.concat(around), 1013))).toBe(sha256);
});

test.each([5, 8, 100])('such a frame cut off after %i bytes is an error', async (length) => {
  const cut = userFrame(0, 100_000).subarray(0, length);
  await expect(digestOf(pieces(cut, 1013))).rejects.toThrow('Cannot decompress the LZ4 frame');
});

test('the numbers beside those of such frames are no frames', async () => {
  for (const number of [-1, 16])
    await expect(digestOf(pieces(userFrame(number, 3), 1013))).rejects.toThrow('expected the magic number of a frame');
});

test('whatever bit is turned over, it is found out', async () => {
  const frame = readFileSync(compress('-9', '-BX', '--content-size'));
  for (let at = 0; at < 60; at += 1) {
    const broken = Buffer.from(frame);
    const place = at < 20 ? at : Math.floor((frame.length * at) / 60);
    broken.writeUInt8(broken.readUInt8(place) ^ (1 << (at % 8)), place);
    await expect(digestOf(pieces(broken, 1 << 20)), `bit ${at % 8} of byte ${place}`).rejects.toThrow(
      'Cannot decompress the LZ4 frame',
    );
  }
});

test.each([0, 3, 6, 100, 5000])('a frame cut off after %i bytes is an error', async (length) => {
  const frame = readFileSync(compress('-9'));
  await expect(digestOf(pieces(frame.subarray(0, length), 1 << 20))).rejects.toThrow('Cannot decompress the LZ4 frame');
});
