import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Rpm } from './resolve.ts';
import { capabilityName, PLATFORM } from './spec.ts';

/** An RPM of a set, and how it came into it. */
export interface Chosen {
  readonly rpm: Rpm;
  /** From what was asked for to this, one step each. */
  readonly trail: readonly string[];
  /** Where what was asked for is written. */
  readonly at: Location | undefined;
}

/** What a set is for. */
export interface Purpose {
  readonly arch: Arch;
  readonly platform: string | undefined;
  /** The architectures that a package is for; all where it names none. */
  readonly exclusiveArches: (rpm: Rpm) => readonly string[];
}

/** Whatever cannot be together, each time with both sides. */
export function misfits(chosen: readonly Chosen[], { arch, platform, exclusiveArches }: Purpose): BuildError[] {
  return [
    ...conflictsAmong(chosen),
    ...chosen.flatMap((each) => wrongArch(each, arch, exclusiveArches(each.rpm))),
    ...(platform === undefined ? [] : chosen.flatMap((each) => wrongPlatform(each, platform))),
  ];
}

function wrongArch({ rpm, trail, at }: Chosen, arch: Arch, arches: readonly string[]): BuildError[] {
  if (arches.length === 0 || arches.includes(arch)) return [];
  const message = `Cannot build packages/${rpm.package} for ${arch}: its spec is for ${arches.join(' and ')} only; ${trail.join(', ')}`;
  return [new BuildError('package/wrong-arch', message, { at, hint: 'Leave it out, or the architecture' })];
}

/** A package that is of use on some platforms only says so: `Supplements: slipway-platform-vmware`. */
function wrongPlatform({ rpm, trail, at }: Chosen, platform: string): BuildError[] {
  const platforms = rpm.supplements.map(capabilityName).flatMap((name) => PLATFORM.exec(name)?.[1] ?? []);
  if (platforms.length === 0 || platforms.includes(platform)) return [];
  const message = `Cannot install ${rpm.name} on "${platform}": it is for ${platforms.join(' and ')} only; ${trail.join(', ')}`;
  const hint = "Leave it out, or name the variant after its platform: the first part of its folder's name";
  return [new BuildError('package/wrong-platform', message, { at, hint })];
}

/** Each pair once. Conflicts with some versions only are left to rpm. */
function conflictsAmong(chosen: readonly Chosen[]): BuildError[] {
  return chosen.flatMap((one, index) =>
    chosen
      .slice(index + 1)
      .filter((other) => excludes(one.rpm, other.rpm) || excludes(other.rpm, one.rpm))
      .map((other) => conflict(one, other)),
  );
}

function excludes(one: Rpm, other: Rpm): boolean {
  const names = new Set(other.provides.map(capabilityName));
  return one.conflicts.some((capability) => names.has(capability));
}

function conflict(one: Chosen, other: Chosen): BuildError {
  const [first, second] = one.rpm.name < other.rpm.name ? [one, other] : [other, one];
  const message = `Cannot install ${first.rpm.name} beside ${second.rpm.name}: they exclude each other; ${first.trail.join(', ')}; ${second.trail.join(', ')}`;
  return new BuildError('package/conflict', message, { at: second.at, hint: 'Leave one of the two out' });
}
