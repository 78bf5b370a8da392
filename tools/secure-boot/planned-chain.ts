/**
 * A signed chain before anybody has signed it, to be planned and explained. RSA with PKCS #1 1.5 draws nothing at random: a signature that was
 * made before and still fits what is to be signed is the very one that would be made. So no key is asked.
 */
import { verify } from 'node:crypto';

import { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Inputs } from '../graph/task.ts';
import { chainOf, signedTask, signerOf, toBeSigned } from './chain.ts';
import type { ChainOptions, SignedChain, SignedFile, Unsigned } from './chain.ts';
import { publicKeyOf } from './profile.ts';

/** Tasks with the keys they will have, where the last signature fits; others run in any case, and only after somebody has signed. */
export function plannedChain(options: ChainOptions, unsigned: readonly Unsigned[]): SignedChain {
  return chainOf(
    options.arch,
    unsigned.map((file) => plannedTask(options, file)),
  );
}

function plannedTask(options: ChainOptions, file: Unsigned): SignedFile {
  const { task } = signedTask(options, file, NONE);
  const resolve = (inputs: Inputs) => {
    const signature = lastSignature(options, file, { id: task.id, inputs });
    const work = signedTask(options, file, signature ?? NONE).task.resolve(inputs);
    return signature === undefined ? { ...work, run: () => Promise.reject(notSigned(file)) } : work;
  };
  return { unsigned: file, task: { ...task, resolve } };
}

const NONE = Buffer.alloc(0);

const keySchema = z.object({ material: z.base64() });

/** What the task added when it ran last, if it is by the same key and of the same bytes. */
function lastSignature(
  options: ChainOptions,
  file: Unsigned,
  { id, inputs }: { readonly id: string; readonly inputs: Inputs },
): Buffer | undefined {
  const { results } = options.store;
  const last = results.lastKey(id);
  const key = keySchema.safeParse(last && results.readKeyDocument(last));
  if (!key.success) return undefined;
  const material = Buffer.from(key.data.material, 'base64');
  const signer = signerOf(options, file);
  const signature = material.subarray(signer.length);
  const isSame =
    material.subarray(0, signer.length).equals(signer) &&
    verify('sha256', toBeSigned(options.store, inputs, file), publicKeyOf(options.profile, file.key), signature);
  return isSame ? signature : undefined;
}

function notSigned({ name, key }: Unsigned): BuildError {
  return new BuildError(
    'secure-boot/no-signature',
    `Cannot add the signature of ${name}: ${key} has not signed it yet`,
    {
      hint: 'Build the image first: "build" signs when all else is made',
    },
  );
}
