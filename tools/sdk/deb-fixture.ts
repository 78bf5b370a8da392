import { gzipSync, zstdCompressSync } from 'node:zlib';

import { Header } from 'tar';

export interface TarEntry {
  readonly path: string;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link';
  readonly content?: string;
  readonly target?: string;
}

const COMPRESS = { '': (bytes: Buffer) => bytes, '.gz': gzipSync, '.zst': zstdCompressSync } as const;

/** A Debian package as a test wants it, what dpkg-deb would never make included. */
export function makeDeb(entries: readonly TarEntry[], suffix: keyof typeof COMPRESS = ''): Buffer {
  const data = COMPRESS[suffix](makeTar(entries));
  return makeAr({
    'debian-binary': Buffer.from('2.0\n'),
    'control.tar': Buffer.from('odd'),
    [`data.tar${suffix}`]: data,
  });
}

export function makeAr(members: Readonly<Record<string, Buffer>>): Buffer {
  const parts = Object.entries(members).map(([name, bytes]) => {
    const head = `${name.padEnd(16)}${'0'.padEnd(32)}${String(bytes.length).padEnd(10)}\`\n`;
    return Buffer.concat([Buffer.from(head), bytes, Buffer.alloc(bytes.length % 2, '\n')]);
  });
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

function makeTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.map(({ path, type = 'File', content = '', target = '' }) => {
    const header = new Header({
      path,
      type,
      mode: type === 'Directory' ? 0o755 : 0o644,
      size: content.length,
      linkpath: target,
      uid: 0,
      gid: 0,
    });
    header.encode();
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return Buffer.concat([header.block ?? Buffer.alloc(0), body]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
