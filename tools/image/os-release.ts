import type { Release } from '../config/release.ts';

export interface OsReleaseInput {
  readonly release: Release;
  readonly variant: string;
  readonly buildId: string;
}

/** What people see the system called: in os-release and in the boot menu. */
export function prettyName({ release, variant }: Omit<OsReleaseInput, 'buildId'>): string {
  return `${release['pretty-name']} ${release.version} (${variant})`;
}

/** The whole of os-release(5): no package knows what the system is called, or which image it is. */
export function osReleaseLines({ release, variant, buildId }: OsReleaseInput): string {
  const fields = {
    NAME: release['pretty-name'],
    ID: release.name,
    DEFAULT_HOSTNAME: release.name,
    VERSION: `${release.version} (${variant})`,
    PRETTY_NAME: prettyName({ release, variant }),
    VARIANT_ID: variant,
    VERSION_ID: release.version,
    BUILD_ID: buildId,
    IMAGE_ID: `${release.name}-${variant}`,
    IMAGE_VERSION: `${release.version}-${buildId}`,
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}="${value.replaceAll(/["$\\`]/g, String.raw`\$&`)}"\n`)
    .join('');
}
