import { stripVTControlCharacters } from 'node:util';

import type { AwsAccess } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Configuration of a client of AWS: what is not said is as the environment and the shared configuration say. */
export function awsClient({ region, profile, endpoint }: AwsAccess): {
  region?: string;
  profile?: string;
  endpoint?: string;
  maxAttempts: number;
} {
  return {
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 5,
  };
}

/** What a service said, by its own name for it. */
export function awsFailure(code: ErrorCode, message: string, cause: unknown): BuildError {
  const { name, message: text } = cause instanceof Error ? cause : new Error(String(cause));
  const status = httpStatus(cause);
  const said = new Error(
    `${name}: ${stripVTControlCharacters(text)}${status === undefined ? '' : ` (HTTP ${status})`}`,
  );
  const hint = /Credential|Token/.test(name)
    ? 'Give credentials as AWS tools take them: AWS_PROFILE, AWS_ACCESS_KEY_ID, or "profile" in Infra.yaml'
    : undefined;
  return new BuildError(code, message, { cause: said, hint });
}

export function httpStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
