import type { Json, Output } from '../graph/task.ts';

/** Where an action finds its inputs and leaves its outputs: the same on every machine. */
export const SANDBOX_HOME = '/slipway/home';
export const SANDBOX_OUT = '/slipway/out';
export const SANDBOX_BUILD = '/slipway/build';

/** An input at an absolute sandbox path: a stored output, or text small enough to stand in the key itself. */
export type ActionInput = Output | { readonly type: 'text'; readonly text: string; readonly executable?: boolean };

/**
 * One hermetic command: the shape of a Remote Execution API v2 action. Its JSON is its key, so whatever changes what the
 * command can see changes the key; what is granted per run (cores) is not in it.
 */
export interface Action {
  /** Run without a shell. Paths are sandbox paths. */
  readonly argv: readonly string[];
  /** On top of the fixed environment (PATH, HOME, LANG, TZ, SOURCE_DATE_EPOCH ...). */
  readonly env: Readonly<Record<string, string>>;
  /** Trees stacked into `/`, lowest first. */
  readonly layers: readonly Output[];
  /** Absolute sandbox path -> content, read-only there. */
  readonly inputs: Readonly<Record<string, ActionInput>>;
  /** Names below SANDBOX_OUT that must exist afterwards; `files` collects every file found below it instead. */
  readonly outputs:
    | { readonly type: 'files' }
    | { readonly type: 'named'; readonly names: Readonly<Record<string, 'file' | 'tree'>> };
  /** Starting directory; SANDBOX_BUILD, writable and empty, unless told. */
  readonly cwd?: string;
}

/** Raised when what every action sees changes without being in it: mounts, fixed environment, host name. */
const REVISION = 1;

export function actionKey(action: Action): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a second home of the shape would drift: the action is its own key
  return { sandbox: REVISION, ...(action as unknown as Record<string, Json>) };
}
