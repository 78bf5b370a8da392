import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import { runCommand } from '../../tools/process/command.ts';
import { CHECKOUT } from './rig.ts';

const schema = z.object({
  jobs: z.record(
    z.string(),
    z.object({
      steps: z.array(
        z.object({
          name: z.string().optional(),
          run: z.string().optional(),
          env: z.record(z.string(), z.string()).optional(),
        }),
      ),
    }),
  ),
});

export const WORKFLOWS = join(CHECKOUT, '.github/workflows');

export interface ShellStep {
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The one step of a workflow whose shell lines hold a text. */
export function shellStep(file: string, text: string): ShellStep {
  const { jobs } = schema.parse(parse(readFileSync(join(WORKFLOWS, file), 'utf8')));
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  const [found, another] = steps.filter(({ run }) => run?.includes(text));
  if (found?.run === undefined || another !== undefined) throw new Error(`Expected one step with "${text}" in ${file}`);
  return { run: found.run, env: found.env ?? {} };
}

/** Runs a step as the service does: expressions filled in, then `bash -e`. Gives its status and its lines. */
export async function runStep(
  { run, env }: ShellStep,
  { cwd, expressions, environment = {} }: StepSurroundings,
): Promise<{ status: number | undefined; lines: readonly string[] }> {
  const fill = (text: string): string =>
    text.replaceAll(/\$\{\{ *(.*?) *\}\}/g, (_, name: string) => {
      const value = expressions[name];
      if (value === undefined) throw new Error(`Expected a value of ${name}`);
      return value;
    });
  const lines: string[] = [];
  const filled = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)]));
  const { status } = await runCommand(['/bin/bash', '-e', '-c', fill(run)], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...environment, ...filled },
    onLine: (line) => lines.push(line),
  });
  return { status, lines };
}

export interface StepSurroundings {
  readonly cwd: string;
  /** `github.ref_name` -> value. */
  readonly expressions: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}
