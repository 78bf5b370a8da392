import semver from 'semver';

/** A step of a migration: from one version to another, by these targets in this order. */
export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly names: readonly string[];
}

/** `(1.0.0, 1.1.0)` as manifest.json writes it; spaces may be missing. */
export function parsePair(text: string): readonly [from: string, to: string] | undefined {
  const [, from, to] = /^\(\s*([^\s,]+)\s*,\s*([^\s,]+)\s*\)$/.exec(text) ?? [];
  if (from === undefined || to === undefined || semver.valid(from) !== from || semver.valid(to) !== to)
    return undefined;
  return [from, to];
}

export function printPair(from: string, to: string): string {
  return `(${from}, ${to})`;
}

export function hopsOf(migrations: Readonly<Record<string, readonly string[]>>): readonly Hop[] {
  return Object.entries(migrations).flatMap(([pair, names]) => {
    const parsed = parsePair(pair);
    return parsed === undefined ? [] : [{ from: parsed[0], to: parsed[1], names }];
  });
}

/**
 * The hops from one version up to another, by the hosts' rule: at each step the one that goes furthest without going too far. A host steps
 * down by the same hops in reverse. `stuckAt`: no hop leads on from there, and the host's update fails.
 */
export function findChain(
  hops: readonly Hop[],
  from: string,
  to: string,
): { readonly hops: readonly Hop[] } | { readonly stuckAt: string } {
  const chain: Hop[] = [];
  let here = from;
  while (semver.lt(here, to)) {
    const [next] = hops
      .filter((hop) => hop.from === here && semver.lte(hop.to, to) && semver.gt(hop.to, hop.from))
      .toSorted((a, b) => semver.rcompare(a.to, b.to));
    if (next === undefined) return { stuckAt: here };
    chain.push(next);
    here = next.to;
  }
  return { hops: chain };
}

/** Every pair of versions in the field that hosts may go between and cannot, with where they get stuck. */
export function missingChains(
  hops: readonly Hop[],
  versions: readonly string[],
): readonly { from: string; to: string; stuckAt: string }[] {
  const field = semver.sort([...new Set(versions)]);
  return field.flatMap((from, index) =>
    field.slice(index + 1).flatMap((to) => {
      const chain = findChain(hops, from, to);
      return 'stuckAt' in chain ? [{ from, to, stuckAt: chain.stuckAt }] : [];
    }),
  );
}

/**
 * Hops that no host can come by: hosts go between the versions of a repository, and to or from one of those where they are at another that
 * hops tell of, such as one that was withdrawn.
 */
export function unreachableHops(hops: readonly Hop[], versions: readonly string[]): readonly Hop[] {
  const known = semver.sort([...new Set([...versions, ...hops.flatMap(({ from, to }) => [from, to])])]);
  const chains = versions.flatMap((version) =>
    known.map((other) => {
      const [low, high] = semver.lt(version, other) ? [version, other] : [other, version];
      return findChain(hops, low, high);
    }),
  );
  const used = new Set(chains.flatMap((chain) => ('hops' in chain ? chain.hops : [])));
  return hops.filter((hop) => !used.has(hop));
}
