import { BuildError } from '../errors.ts';
import type { ErrorCode, Location } from '../errors.ts';
import type { Finding, FindingType } from './finding.ts';

/** The finding that says most comes first; the others follow as its causes, so that whoever prints shows each of them. */
export function failure(
  { name, at }: { name: string; at?: Location | undefined },
  findings: readonly Finding[],
): BuildError {
  const [worst, ...others] = findings.toSorted((a, b) => TELLING.indexOf(a.type) - TELLING.indexOf(b.type));
  const finding = worst?.message ?? 'no address is known for it';
  const cause = others.reduceRight<Error | undefined>(
    (next, error) => new Error(error.message, next === undefined ? {} : { cause: next }),
    undefined,
  );
  return new BuildError(CODE_OF[worst?.type ?? 'absent'], `Cannot fetch "${name}": ${finding}`, {
    at,
    cause,
    hint: worst === undefined ? undefined : HINT_OF[worst.type],
  });
}

const TELLING: readonly FindingType[] = ['wrong-digest', 'web-page', 'cut-off', 'refused', 'absent', 'unreachable'];

const CODE_OF = {
  'wrong-digest': 'source/wrong-digest',
  'web-page': 'source/web-page',
  'cut-off': 'source/cut-off',
  refused: 'source/refused',
  absent: 'source/absent',
  unreachable: 'source/unreachable',
} as const satisfies Record<FindingType, ErrorCode>;

const HINT_OF: Readonly<Record<FindingType, string | undefined>> = {
  'wrong-digest': 'Compare with what upstream publishes; if the new file is right, write its digest into the manifest',
  'web-page': 'Check for a login page or proxy between here and the server, or name another mirror',
  'cut-off': 'Run the same command again: it goes on from where it stopped',
  refused: undefined,
  absent: 'Name a mirror that has it',
  unreachable: 'Check the network, then run the same command again: it goes on from where it stopped',
};
