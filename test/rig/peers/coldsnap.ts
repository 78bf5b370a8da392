import { bringCrate } from '../crate.ts';

/** Host path of coldsnap, the upload program of the AWS Labs: compiled by the first who asks. */
export function bringColdsnap(): Promise<string> {
  return bringCrate({
    name: 'coldsnap',
    version: '0.12.0',
    sha256: '731bf6e1fac9ccf757e67b1732f1eac1f253f14e4a8e85fb94b5bf326777e798',
  });
}
