/** A last part of a verb's help: what to type. */
export function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  npx tsx Makefile.ts ${line}`).join('\n')}\n`;
}
