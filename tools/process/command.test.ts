import { describe, expect, test } from 'vitest';

import { quoteCommand, runCommand } from './command.ts';

const env = { PATH: '/usr/bin:/bin' };

async function linesOf(script: string): Promise<string[]> {
  const lines: string[] = [];
  await runCommand(['sh', '-c', script], { env, onLine: (line) => lines.push(line) });
  return lines;
}

describe('runCommand()', () => {
  test('gives each line of both streams, the last one without a line end too', async () => {
    expect((await linesOf('echo one; echo two >&2; printf three')).toSorted()).toEqual(['one', 'three', 'two']);
  });

  test('tells the exit status, and throws for none', async () => {
    expect(await runCommand(['sh', '-c', 'exit 3'], { env, onLine: () => undefined })).toMatchObject({ status: 3 });
  });

  test('hands on no variable that it was not given', async () => {
    expect((await linesOf('env')).filter((line) => !/^(PATH|PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([]);
  });

  test('a program that is not there throws', async () => {
    await expect(runCommand(['/nowhere/at/all'], { env, onLine: () => undefined })).rejects.toThrow('ENOENT');
  });

  test('an abort ends the whole process group', async () => {
    const controller = new AbortController();
    // The shell and its child both hold the pipe: the command ends only when both are gone.
    const result = await runCommand(['sh', '-c', 'sleep 1000 & echo up; wait'], {
      env,
      signal: controller.signal,
      onLine: () => controller.abort(),
    });
    expect(result).toMatchObject({ status: undefined, killedBy: 'SIGTERM' });
  });
});

describe('quoteCommand()', () => {
  test('quotes only what a shell would take apart', () => {
    expect(quoteCommand(['a', '--b=c/d', 'e f', "g'h", ''])).toBe(`a --b=c/d 'e f' 'g'\\''h' ''`);
  });
});
