import { join } from 'node:path';
import { Writable } from 'node:stream';

import { main } from '../../tools/cli/main.ts';
import { CHECKOUT, SHARED_STORE } from './rig.ts';
import type { Finished } from './rig.ts';

/** Runs the command line on a checkout within this process, where loading it anew each time would take longer than all else. */
export async function runHere(
  dir: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<Finished, 'signal'>> {
  const [out, err] = [new Capture(), new Capture()];
  const status = await main(['-C', dir, ...argv], {
    home: dir,
    projectDir: CHECKOUT,
    cacheDir: SHARED_STORE,
    configFile: join(dir, '.config', 'slipway', 'config.yaml'),
    colour: false,
    streams: { out: out.stream, err: err.stream },
    input: process.stdin,
    environment: { PATH: process.env['PATH'] ?? '', ...environment },
  });
  const anonymous = (text: string): string => text.replaceAll(dir, '<checkout>');
  return { status, stdout: anonymous(out.text), stderr: anonymous(err.text) };
}

/** A stream that is no terminal, and what was written to it. */
class Capture {
  text = '';
  readonly stream: NodeJS.WriteStream;

  constructor() {
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString('utf8');
        done();
      },
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a terminal's stream, only isTTY is asked for, and it is not there
    this.stream = sink as unknown as NodeJS.WriteStream;
  }
}
