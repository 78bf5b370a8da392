import { z } from 'zod';

/** The keys a schema allows in the mapping at `path`, through lists, defaults and unions. */
export function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return [...new Set(inner.options.flatMap((option) => knownKeys(option, path)))];
  const [step, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    if (step === undefined) return Object.keys(inner.shape);
    const next = (inner.shape as Record<string, z.core.$ZodType>)[String(step)];
    return next === undefined ? [] : knownKeys(next, rest);
  }
  if (inner instanceof z.ZodRecord && step !== undefined) return knownKeys(inner.valueType, rest);
  if (inner instanceof z.ZodArray && typeof step === 'number') return knownKeys(inner.element, rest);
  return [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.in) : schema;
}
