/** GRUB's script language, as far as a grub.cfg of ours goes: commands of words, and menu entries. */

/** A command line as GRUB sees it: words, the last of which may be a block. */
export interface Command {
  readonly words: readonly string[];
  /** What is in the block. */
  readonly block: string | undefined;
}

/** The commands of a script. A block reaches from a `{` at the end of a line to a `}` that is a line. */
export function* commandsOf(script: string): Generator<string> {
  const lines = script.split('\n').filter((line) => line.trim() !== '');
  while (lines.length > 0) {
    const [line = ''] = lines;
    const size = line.endsWith('{') ? lines.indexOf('}') + 1 : 1;
    yield lines.splice(0, Math.max(size, 1)).join('\n').trim();
  }
}

export function parseCommand(text: string, variables: ReadonlyMap<string, string>): Command {
  const open = text.indexOf('{\n');
  if (open < 0) return { words: wordsOf(text, variables), block: undefined };
  return { words: [...wordsOf(text.slice(0, open), variables), text.slice(open)], block: text.slice(open + 1, -1) };
}

const WORD = /(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+/g;
const PIECE = /'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>.)|(?<bare>[^'"\\]+)/g;

/** Quotes gone, and variables in place of their names everywhere but in single quotes. */
function wordsOf(text: string, variables: ReadonlyMap<string, string>): string[] {
  const expand = (piece: string) => piece.replaceAll(/\$(\w+)/g, (_, name: string) => variables.get(name) ?? '');
  return (text.match(WORD) ?? []).map((word) =>
    [...word.matchAll(PIECE)]
      .map(({ groups: { single, double, escaped, bare } = {} }) => {
        if (double !== undefined) return expand(double).replaceAll(/\\(["$\\])/g, '$1');
        return single ?? escaped ?? expand(bare ?? '');
      })
      .join(''),
  );
}
