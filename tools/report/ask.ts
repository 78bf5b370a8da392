import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** A line typed at the terminal; undefined where there is none. `hidden`: what is typed is not shown. */
export async function askLine(
  question: string,
  { input, output }: Terminal,
  echo: 'shown' | 'hidden',
): Promise<string | undefined> {
  if (!input.isTTY || !output.isTTY) return undefined;
  output.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input, output: echo === 'shown' ? output : silent, terminal: true });
  try {
    return await reader.question('');
  } finally {
    reader.close();
    if (echo === 'hidden') output.write('\n');
  }
}
