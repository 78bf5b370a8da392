import { stripVTControlCharacters } from 'node:util';

/** Credentials in an address are nobody's to read; a file name or key path is. */
export function redact(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s"']*@/gi, '$1***@');
}

/** A program's line without what would colour or move a terminal that is not its own. */
export function plainText(line: string): string {
  return stripVTControlCharacters(line).replaceAll(/\p{Cc}/gu, ' ');
}
