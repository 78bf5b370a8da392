import { BuildError } from '../errors.ts';
import type { ErrorCode, Location } from '../errors.ts';
import { GoFailure } from './client.ts';

interface Meaning {
  readonly says: RegExp;
  readonly code: ErrorCode;
  readonly finding: string;
  readonly hint?: string;
}

/** What Go's client says, in the order of how much it tells. */
const MEANINGS: readonly Meaning[] = [
  {
    says: /checksum mismatch|SECURITY ERROR|verifying (?:module|go\.mod)/,
    code: 'source/wrong-digest',
    finding: 'a module no longer hashes as it is on record',
    hint: 'Do not go on: its upstream or the module proxy was changed. Compare with another proxy, or choose another version',
  },
  {
    says: /retracted by its author/,
    code: 'source/retracted',
    finding: 'its author has taken this version back',
    hint: 'Choose a newer version',
  },
  {
    says: /does not contain package/,
    code: 'source/no-package',
    finding: 'its module does not have such a package',
    hint: 'Correct "packages": paths below the module, or "."',
  },
  {
    says: /newer than the pinned/,
    code: 'source/bad-pin',
    finding: 'a pin is older than what the program requires',
    hint: 'Pin that version or a newer one, or leave the pin out',
  },
  {
    says: /goes before the pinned/,
    code: 'source/bad-pin',
    finding: 'the program replaces the very version that is pinned',
    hint: 'Pin another version, or leave the pin out',
  },
  {
    says: /requires go >= /,
    code: 'source/old-toolchain',
    finding: 'it wants a newer Go',
    hint: 'Name a newer toolchain; "sources pin-go <version>" adds one',
  },
  {
    says: /40[34] |410 Gone|unknown revision|no matching versions|not found|no such host.*direct|executable file not found/,
    code: 'source/absent',
    finding: 'the module proxy does not serve it',
    hint: 'Choose a version that is served, or set GOPROXY to a proxy that has it',
  },
  {
    says: /dial tcp|timeout|connection re|TLS|EOF/,
    code: 'source/unreachable',
    finding: 'the module proxy or the checksum database cannot be reached',
    hint: 'Check the network and GOPROXY, then run the same command again',
  },
];

const UNKNOWN: Omit<Meaning, 'says'> = { code: 'source/go-failed', finding: 'Go gave up' };

/** What a failure of Go's client means for the file it was to make. Anything else is passed on. */
export function explainGoFailure(
  error: unknown,
  { file, at }: { readonly file: string; readonly at: Location | undefined },
): unknown {
  if (!(error instanceof GoFailure)) return error;
  const meaning = MEANINGS.find(({ says }) => error.lines.some((line) => says.test(line)));
  const line = error.lines.find((each) => meaning?.says.test(each) === true);
  const { code, finding, hint } = meaning ?? UNKNOWN;
  const cause = new Error((line ?? error.message).replace(/^go: /, ''));
  return new BuildError(code, `Cannot fetch "${file}": ${finding}`, { at, hint, cause });
}
