import { renameSync, writeFileSync } from 'node:fs';

import { throwDrift } from '../aws/finding.ts';
import type { Finding } from '../aws/finding.ts';
import { formatTable } from '../report/format.ts';
import { formatJunit } from '../report/junit.ts';
import type { Session } from './session.ts';

/** Shows what a validation found, for people, programs and CI. @throws Drift */
export function tellFindings(
  session: Session,
  findings: readonly Finding[],
  { suite, junit, hint }: { readonly suite: string; readonly junit: string | undefined; readonly hint: string },
): void {
  if (junit !== undefined) {
    const cases = findings.map(({ region, name, status, differences }) => ({
      group: region,
      name,
      failure: status === 'correct' ? undefined : [status, ...differences].join('; '),
    }));
    writeFileSync(`${junit}.part`, formatJunit(suite, cases));
    renameSync(`${junit}.part`, junit);
  }
  const rows = findings.map(({ region, name, status }) => [status, region, name]);
  session.result(formatTable(rows), findings);
  throwDrift(findings, hint);
}
