/** `2 h 05 min`, `3 min 07 s`, `4.2 s`: two figures, never more. */
export function formatSeconds(seconds: number): string {
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : formatWholeSeconds(seconds);
}

/** The same without tenths, for what is looked at while it grows. */
export function formatWholeSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** An estimate, no more exact than it is. */
export function formatTimeLeft(seconds: number): string {
  return seconds < 10 ? 'a few seconds left' : `about ${formatWholeSeconds(seconds)} left`;
}

/** `812 B`, `3.4 MiB`: binary units, spelt out. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export interface Transferred {
  readonly done: number;
  /** Not above `done` where it is not known. */
  readonly total: number;
  readonly unit: 'bytes' | 'items';
  readonly perSecond: number | undefined;
}

/** `12.0 MiB of 40.1 MiB, 3.1 MiB/s, about 14 s left`, or `12 of 339`. */
export function formatProgress({ done, total, unit, perSecond }: Transferred): string {
  if (unit === 'items') return `${done} of ${total}`;
  const known = total > done;
  const size = known ? `${formatBytes(done)} of ${formatBytes(total)}` : formatBytes(done);
  if (perSecond === undefined) return size;
  const left = known && perSecond > 0 ? [formatTimeLeft((total - done) / perSecond)] : [];
  return [size, `${formatBytes(perSecond)}/s`, ...left].join(', ');
}

/** Left-aligned columns, two spaces apart. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
