import { suggest } from '../config/suggest.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Capability, SpecFacts, Subpackage } from './spec.ts';

/** An RPM that can be built: a subpackage and the package folder whose spec makes it. */
export interface Rpm extends Subpackage {
  readonly package: string;
}

/** One step of the way from what was asked for to what is wanted, e.g. `slipway-systemd requires slipway-kmod`. */
type Trail = readonly string[];

export interface ClosureOptions {
  /** Who wants them, for messages: `variant "aws-dev"`, `packages/glibc`. */
  readonly asker: string;
  readonly errors: BuildError[];
  /** Where a capability is wanted, when that is a line of a manifest. */
  readonly locate?: (capability: Capability) => Location;
}

/**
 * Who provides what, from the facts of all specs. Only names decide here; versions and conflicts are rpm's to judge when it
 * installs the set.
 */
export class Catalogue {
  readonly #providers = new Map<string, Rpm[]>();
  readonly #facts: ReadonlyMap<string, SpecFacts>;

  constructor(facts: ReadonlyMap<string, SpecFacts>) {
    this.#facts = facts;
    for (const [name, { subpackages }] of facts) {
      for (const subpackage of subpackages) this.#add({ ...subpackage, package: name });
    }
  }

  #add(rpm: Rpm): void {
    for (const name of new Set(rpm.provides.map(capabilityName))) {
      this.#providers.set(name, [...(this.#providers.get(name) ?? []), rpm]);
    }
  }

  facts(name: string): SpecFacts {
    const facts = this.#facts.get(name);
    if (facts === undefined) throw new TypeError(`Expected facts of package "${name}"`);
    return facts;
  }

  /** The RPMs that `wanted` comes to with all they require, sorted by name. What is wrong is added to `errors`. */
  closure(wanted: readonly Capability[], { asker, errors, locate }: ClosureOptions): readonly Rpm[] {
    const found = new Map<string, Rpm>();
    const todo: { capability: Capability; trail: Trail; at: Location | undefined }[] = wanted.map((capability) => ({
      capability,
      trail: [`${asker} wants ${capability}`],
      at: locate?.(capability),
    }));
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { capability, trail, at } = next;
      const rpm = this.#provider(capability, { trail, errors, at });
      if (rpm === undefined || found.has(rpm.name)) continue;
      found.set(rpm.name, rpm);
      for (const need of rpm.requires) {
        todo.push({ capability: need, trail: [...trail, `${rpm.name} requires ${need}`], at });
      }
    }
    return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #provider(
    capability: Capability,
    report: { trail: Trail; errors: BuildError[]; at: Location | undefined },
  ): Rpm | undefined {
    const name = capabilityName(capability);
    const providers = this.#providers.get(name) ?? [];
    const [first, second] = providers;
    if (first !== undefined && second === undefined) return first;
    const way = report.trail.join(', ');
    const problem =
      first === undefined
        ? new BuildError('package/no-provider', `Cannot find a package that provides "${name}": ${way}`, {
            at: report.at,
            hint: suggest(name, [...this.#providers.keys()]) ?? 'Add it below packages/, or correct the name',
          })
        : new BuildError(
            'package/two-providers',
            `Cannot choose a package that provides "${name}": ${providers.map((rpm) => `${rpm.name} (packages/${rpm.package})`).join(' and ')} do; ${way}`,
            {
              at: report.at,
              hint: 'Require the package itself rather than the shared name',
            },
          );
    if (!report.errors.some((error) => error.message === problem.message)) report.errors.push(problem);
    return undefined;
  }

  /** Packages in an order in which each comes after what it is built with. Cycles are named with their whole path. */
  buildOrder(names: readonly string[], errors: BuildError[]): readonly string[] {
    const order: string[] = [];
    const done = new Set<string>();
    const visit = (name: string, path: readonly string[]): void => {
      if (path.includes(name)) {
        const cycle = [...path.slice(path.indexOf(name)), name].join(' -> ');
        errors.push(
          new BuildError('package/cycle', `Cannot order the builds: ${cycle} need each other to be built`, {
            hint: 'Break the circle with a smaller package',
          }),
        );
        return;
      }
      if (done.has(name)) return;
      done.add(name);
      for (const rpm of this.closure(this.facts(name).buildRequires, { asker: `packages/${name}`, errors }))
        visit(rpm.package, [...path, name]);
      order.push(name);
    };
    for (const name of names) visit(name, []);
    return order;
  }
}

/** `slipway-zlib >= 1.3` -> `slipway-zlib`. */
export function capabilityName(capability: Capability): string {
  return capability.split(' ')[0] ?? capability;
}
