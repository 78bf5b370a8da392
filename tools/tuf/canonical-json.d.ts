declare module '@tufjs/canonical-json' {
  /** OLPC canonical JSON: sorted keys, no white space, only `"` and `\` escaped, whole numbers alone. */
  export function canonicalize(value: unknown): string;
}
