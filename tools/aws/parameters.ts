/** Parameter Store, in the batches it allows. */
import type { Region } from './region.ts';
import { serviceError } from './caller.ts';
import { allOf } from './publication.ts';
import { until } from './wait.ts';

/** GetParameters and DeleteParameters take no more names. */
const MOST_NAMES = 10;

/** Name -> value, of those that are there. */
export async function readParameters(at: Region, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const batches = Array.from({ length: Math.ceil(names.length / MOST_NAMES) }, (_, index) =>
    names.slice(index * MOST_NAMES, (index + 1) * MOST_NAMES),
  );
  const answers = await allOf(
    batches.map(
      async (Names) => (await at.call('ssm:GetParameters', (o) => at.ssm.getParameters({ Names }, o))).Parameters ?? [],
    ),
  );
  return new Map(answers.flat().map(({ Name = '', Value = '' }) => [Name, Value]));
}

/** Everything below a path. */
export async function listParameters(at: Region, path: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  let token: string | undefined;
  do {
    const page = { Path: path, Recursive: true, ...(token !== undefined && { NextToken: token }) };
    const answer = await at.call('ssm:GetParametersByPath', (o) => at.ssm.getParametersByPath(page, o));
    for (const { Name = '', Value = '' } of answer.Parameters ?? []) found.set(Name, Value);
    token = answer.NextToken;
  } while (token !== undefined);
  return found;
}

/** `value` null removes it. */
export interface Put {
  readonly name: string;
  readonly value: string | null;
  readonly before: string | null;
}

export async function writeParameters(at: Region, puts: readonly Put[], onDone: (done: number) => void): Promise<void> {
  let done = 0;
  await allOf(
    puts.map(async (put) => {
      await writeParameter(at, put);
      done += 1;
      onDone(done);
    }),
  );
  await awaitParameters(at, puts);
}

async function writeParameter(at: Region, { name, value, before }: Put): Promise<void> {
  if (value === null) {
    await at.call('ssm:DeleteParameters', (o) => at.ssm.deleteParameters({ Names: [name] }, o));
    return;
  }
  const parameter = { Name: name, Value: value, Type: 'String' as const, Overwrite: before !== null };
  try {
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter(parameter, o));
  } catch (error) {
    // Another try has made it, or somebody else: what it says is read back afterwards.
    if (serviceError(error) !== 'ParameterAlreadyExists') throw error;
  }
}

/** What was just written is not read everywhere at once. */
async function awaitParameters(at: Region, puts: readonly Put[]): Promise<void> {
  const names = puts.map(({ name }) => name);
  const what = `${puts.length} parameters to read as they were written`;
  await until(at, { what, mostMs: 60_000 }, async () => {
    const now = await readParameters(at, names);
    return puts.every(({ name, value }) => (now.get(name) ?? null) === value) ? true : undefined;
  });
}
