import { z } from 'zod';

const MIB_OF: ReadonlyMap<string, number> = new Map([
  ['MiB', 1],
  ['GiB', 1024],
  ['TiB', 1024 * 1024],
]);

/** `2GiB`, `512MiB` -> MiB. Units are binary and spelt out: `2G` means two things. */
export function parseSizeMiB(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(MiB|GiB|TiB)$/.exec(text) ?? [];
  const factor = MIB_OF.get(unit);
  return factor === undefined ? undefined : Number(digits) * factor;
}

/** A size in a manifest; its value is in MiB. */
export function sizeMiB({ multipleOf = 1 }: { multipleOf?: number } = {}) {
  return z.string().transform((text, context) => {
    const size = parseSizeMiB(text);
    if (size !== undefined && size > 0 && size % multipleOf === 0) return size;
    const unit = multipleOf === 1024 ? 'whole GiB' : 'MiB, GiB or TiB';
    context.addIssue({
      code: 'custom',
      message: `expected a size in ${unit} such as "2GiB", got ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  });
}
