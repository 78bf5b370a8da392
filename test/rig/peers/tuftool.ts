import { bringCrate } from '../crate.ts';

/** tuftool, made of the library that hosts' updaters are made of: the reader that counts. Its path on the host. */
export function bringTuftool(): Promise<string> {
  return bringCrate({
    name: 'tuftool',
    version: '0.17.0',
    sha256: 'b6ad45e0e6b070d202dbaaa163d0ba2062b14f79a273b0cf5603a1a4481b2aa9',
  });
}
