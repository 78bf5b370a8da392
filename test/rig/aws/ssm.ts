/** Parameter Store, JSON 1.1, by the rules that its reference documents. */
import { z } from 'zod';

import { ApiError } from './wire.ts';
import type { Caller, World } from './world.ts';

type Handler = (world: World, caller: Caller, request: unknown) => object;

const MOST_NAMES = 10;
const PAGE = 10;
const namesSchema = z.object({ Names: z.array(z.string()).min(1) });
const pathSchema = z.object({
  Path: z.string(),
  Recursive: z.boolean().default(false),
  NextToken: z.string().optional(),
});
const putSchema = z.object({
  Name: z.string(),
  Value: z.string().min(1).max(4096),
  Type: z.string().optional(),
  Overwrite: z.boolean().default(false),
});

export const SSM: Readonly<Record<string, Handler>> = {
  GetParameters: (world, caller, request) => {
    const { Names } = namesSchema.parse(request);
    if (Names.length > MOST_NAMES) throw new ApiError('ValidationException', `At most ${MOST_NAMES} names`);
    const known = Names.filter((name) => world.parameters.has(key(caller, name)));
    return {
      Parameters: known.map((name) => describe(world, caller, name)),
      InvalidParameters: Names.filter((name) => !known.includes(name)),
    };
  },
  GetParametersByPath: (world, caller, request) => {
    const { Path, Recursive, NextToken = '0' } = pathSchema.parse(request);
    const prefix = Path.endsWith('/') ? Path : `${Path}/`;
    const home = key(caller, '');
    const names = [...world.parameters.keys()]
      .filter((each) => each.startsWith(home))
      .map((each) => each.slice(home.length))
      .filter((name) => name.startsWith(prefix) && (Recursive || !name.slice(prefix.length).includes('/')))
      .toSorted();
    const from = Number(NextToken);
    const next = names.length > from + PAGE ? { NextToken: String(from + PAGE) } : {};
    return { Parameters: names.slice(from, from + PAGE).map((name) => describe(world, caller, name)), ...next };
  },
  PutParameter: (world, caller, request) => {
    const { Name, Value, Overwrite } = putSchema.parse(request);
    if (!/^[\w./-]+$/.test(Name))
      throw new ApiError('ValidationException', 'The name has characters that are not allowed');
    const before = world.parameters.get(key(caller, Name));
    if (before !== undefined && !Overwrite)
      throw new ApiError('ParameterAlreadyExists', 'The parameter already exists');
    const version = (before?.version ?? 0) + 1;
    world.parameters.set(key(caller, Name), { value: Value, version });
    return { Version: version, Tier: 'Standard' };
  },
  DeleteParameters: (world, caller, request) => {
    const { Names } = namesSchema.parse(request);
    const gone = Names.filter((name) => world.parameters.delete(key(caller, name)));
    return { DeletedParameters: gone, InvalidParameters: Names.filter((name) => !gone.includes(name)) };
  },
};

function describe(world: World, caller: Caller, name: string): object {
  const { value = '', version = 0 } = world.parameters.get(key(caller, name)) ?? {};
  return { Name: name, Type: 'String', Value: value, Version: version };
}

function key({ account, region }: Caller, name: string): string {
  return `${account}:${region}:${name}`;
}
