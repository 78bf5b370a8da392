/**
 * Addresses that a file of apt's configuration fetches packages from: http and https only, without a slash at the end.
 * `.list` files hold one line per entry, `.sources` files hold stanzas of fields. Anything not understood is passed over,
 * since the file is the host's and not ours.
 */
export function parseAptSources(file: string, text: string): string[] {
  const addresses = readAddresses(file, text).filter((address) => /^https?:\/\/[^/]/.test(address));
  return [...new Set(addresses.map((address) => address.replace(/\/+$/, '')))];
}

function readAddresses(file: string, text: string): string[] {
  if (file.endsWith('.sources')) return stanzaAddresses(text);
  return file.endsWith('.list') ? lineAddresses(text) : [];
}

/** `deb [options] address suite component...` */
function lineAddresses(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?(\S+)/.exec(line)?.[1] ?? []);
}

function stanzaAddresses(text: string): string[] {
  // Comments may stand between a field's lines, so they go first.
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const stanzas = lines
    .join('\n')
    .split(/\n\s*\n/)
    .map(parseFields);
  return stanzas
    .filter((fields) => fields.get('enabled') !== 'no')
    .flatMap((fields) => (fields.get('uris') ?? '').split(/\s+/));
}

/** Field names in lower case; a line that begins with a blank goes on with the field above it. */
function parseFields(stanza: string): Map<string, string> {
  const fields = stanza
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => /^([^:\s]+):\s*(.*?)\s*$/.exec(line));
  return new Map(
    fields.flatMap((match): [string, string][] =>
      match === null ? [] : [[(match[1] ?? '').toLowerCase(), match[2] ?? '']],
    ),
  );
}
