import type { Streams } from '../report/reporter.ts';

/** The program's surroundings, read once in Makefile.ts. */
export interface Host {
  readonly home: string;
  /** The checkout that Makefile.ts is in; --directory names another. */
  readonly projectDir: string;
  readonly cacheDir: string;
  readonly configFile: string;
  /** For clients of registries, which pick what concerns them. Nothing else reads it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly colour: boolean;
  readonly streams: Streams;
}
