import { bringGoProgram } from '../go-program.ts';

/** The example client of go-tuf. Its path on the host. */
export function bringGoTuf(): Promise<string> {
  return bringGoProgram({
    module: 'github.com/theupdateframework/go-tuf/v2',
    version: 'v2.4.2',
    package: 'examples/cli/tuf-client',
    toolchain: '1.26.8',
    sha512:
      '5ca67df34679715e856b2ff27e4958be9b6c15c7dc7fb25519d35afb1b6c24ef6013a3fd32a5a2c31cf101181dd5cb57b4d2de009ea072931e4fb342271ee0be',
  });
}
