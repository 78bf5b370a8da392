import type { Streams } from '../report/reporter.ts';

/** The program's surroundings, read once in Makefile.ts. */
export interface Host {
  readonly home: string;
  /** The checkout that Makefile.ts is in; --directory names another. */
  readonly projectDir: string;
  readonly cacheDir: string;
  readonly configFile: string;
  readonly colour: boolean;
  readonly streams: Streams;
  /** Answers to questions; a terminal, or nobody is there to ask. */
  readonly input: NodeJS.ReadStream;
  /** For programs of the user's own that read it: clients of registries, the module of a PKCS#11 token. Nothing else looks at it. */
  readonly environment: Readonly<Record<string, string>>;
}
