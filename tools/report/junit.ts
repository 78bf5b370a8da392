/** One check of a validation, as CI systems show it. */
export interface JunitCase {
  readonly group: string;
  readonly name: string;
  /** Absent where all is well. */
  readonly failure: string | undefined;
}

/** A JUnit report, the form that nearly every CI system reads. */
export function formatJunit(suite: string, cases: readonly JunitCase[]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  const lines = cases.map(({ group, name, failure }) => {
    const open = `    <testcase classname="${escape(group)}" name="${escape(name)}"`;
    return failure === undefined ? `${open}/>` : `${open}><failure message="${escape(failure)}"/></testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="${escape(suite)}" tests="${cases.length}" failures="${failures}">`,
    ...lines,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[^\P{Cc}\t\n]/gu, '');
}
