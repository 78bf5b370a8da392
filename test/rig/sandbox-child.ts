import { BuildError } from '../../tools/errors.ts';
import { SandboxRig } from './sandbox-rig.ts';

/** One action in the SDK, in a process of its own: says the code and the hint of what went wrong. */
await using rig = await SandboxRig.create();
const { result } = await rig.run({ argv: ['true'] });
for (const outcome of result.outcomes.values()) {
  const error = outcome.type === 'failed' ? outcome.error : undefined;
  process.stdout.write(error instanceof BuildError ? `${error.code}\n${error.hint}\n` : `${outcome.type}\n`);
}
