import { existsSync, statSync } from 'node:fs';

import { z } from 'zod';

import { BuildError, throwAll } from '../errors.ts';
import { checkManifest } from './manifest.ts';
import { readToml } from './toml.ts';
import { readYaml } from './yaml.ts';

const secret = z.custom<string>(
  (value) => typeof value === 'string' && value !== '',
  'expected a text, in quotes where it looks like a number',
);

const credentialsSchema = z.strictObject({
  datacenter: z.record(z.string(), z.strictObject({ username: secret, password: secret })).default({}),
});

export interface VsphereCredentials {
  readonly username: string;
  readonly password: string;
}

export interface CredentialsFile {
  readonly file: string;
  /** By the name that Infra.yaml gives a datacenter. */
  readonly datacenters: Readonly<Record<string, VsphereCredentials>>;
  /** Others than its owner can read it. */
  readonly exposed: boolean;
}

/**
 * Who logs in to which vCenter, out of the first file that is there; undefined where none is. No complaint repeats what is written in it.
 * @throws BuildErrors
 */
export function readVsphereCredentials(files: readonly string[]): CredentialsFile | undefined {
  const file = files.find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const errors: BuildError[] = [];
  const written = file.endsWith('.toml') ? readToml(file, errors) : readYaml(file, errors);
  const credentials = written === undefined ? undefined : checkManifest(written, credentialsSchema, errors);
  throwAll(errors.map((error) => withoutContent(error, file)));
  if (credentials === undefined) throw new TypeError('a manifest without complaints has a value');
  const OTHERS = 0o077;
  return { file, datacenters: credentials.value.datacenter, exposed: (statSync(file).mode & OTHERS) !== 0 };
}

/** What was found in place of what was expected may be a password. */
function withoutContent({ code, message, at }: BuildError, file: string): BuildError {
  const told = code === 'config/bad-value' || code === 'config/unknown-key';
  const shown = told ? message.replace(/, got [^]*$/, '') : `Cannot read "${file}": it is broken here`;
  return new BuildError(code, shown, {
    at,
    hint: 'Write datacenter: { <name>: { username: "...", password: "..." } }',
  });
}
