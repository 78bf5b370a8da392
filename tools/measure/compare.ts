import { PCRS } from './boot.ts';
import { describeEvent, type LoggedEvent } from './event-log.ts';
import { HASHES, type Measurement } from './pcr.ts';

/** The first of a PCR's measurements that is not as predicted. */
export interface Difference {
  readonly pcr: number;
  /** Counted from 1. */
  readonly number: number;
  /** Undefined: nothing more. */
  readonly expected: string | undefined;
  readonly got: string | undefined;
}

/** A machine's log held against what was predicted, by the first hash algorithm that the log has. */
export function compareLog(predicted: readonly Measurement[], log: readonly LoggedEvent[]): readonly Difference[] {
  const hash = HASHES.find((each) => log.every(({ digests }) => digests.has(each))) ?? 'sha256';
  return PCRS.flatMap((pcr) => {
    const expected = predicted.filter((each) => each.pcr === pcr);
    const got = log.filter((each) => each.pcr === pcr);
    const most = Math.max(expected.length, got.length);
    const index = Array.from({ length: most }).findIndex((_, at) => {
      const digest = expected[at]?.digest(hash);
      return digest === undefined || got[at]?.digests.get(hash)?.equals(digest) !== true;
    });
    if (index < 0) return [];
    const [should, is] = [expected[index], got[index]];
    return [
      {
        pcr,
        number: index + 1,
        expected: should && `${should.type} "${should.what}"`,
        got: is && describeEvent(is),
      },
    ];
  });
}
