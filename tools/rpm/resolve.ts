import { suggest } from '../config/suggest.ts';
import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import { misfits } from './misfits.ts';
import type { Chosen } from './misfits.ts';
import { capabilityName } from './spec.ts';
import type { Capability, SpecFacts, Subpackage } from './spec.ts';

/** An RPM that can be built: a subpackage and the package folder whose spec makes it. */
export interface Rpm extends Subpackage {
  readonly package: string;
}

/** One step of the way from what was asked for to what is wanted, e.g. `slipway-systemd requires slipway-kmod`. */
type Trail = readonly string[];

interface Want {
  readonly capability: Capability;
  readonly trail: Trail;
  readonly at: Location | undefined;
}

export interface ClosureOptions {
  /** Who wants them, for messages: `variant "aws-dev"`, `packages/glibc`. */
  readonly asker: string;
  readonly errors: BuildError[];
  /** Where a capability is wanted, when that is a line of a manifest. */
  readonly locate?: (capability: Capability) => Location;
  /** What the set is to run on, such as `vmware`; of no matter for a set that something is built with. */
  readonly platform?: string;
}

/**
 * Who provides what, from the facts of all specs. Only names decide here; versions are rpm's to judge when it installs the
 * set.
 */
export class Catalogue {
  readonly #providers = new Map<string, Rpm[]>();
  readonly #facts: ReadonlyMap<string, SpecFacts>;
  readonly #arch: Arch;

  constructor(facts: ReadonlyMap<string, SpecFacts>, arch: Arch) {
    this.#facts = facts;
    this.#arch = arch;
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

  /**
   * The RPMs that `wanted` comes to with all they require, sorted by name. A name that several provide is met by the one that is
   * there for another reason, as a runtime that the orchestrator chose. What is wrong is added to `errors`.
   */
  closure(wanted: readonly Capability[], { asker, errors, locate, platform }: ClosureOptions): readonly Rpm[] {
    const found = new Map<string, Chosen>();
    const shared: Want[] = [];
    const todo: Want[] = wanted.map((capability) => ({
      capability,
      trail: [`${asker} wants ${capability}`],
      at: locate?.(capability),
    }));
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { trail, at } = next;
      const [rpm, another] = this.#providersOf(next);
      if (another !== undefined) shared.push(next);
      else if (rpm === undefined) report(errors, this.#nobody(next));
      else if (!found.has(rpm.name)) {
        found.set(rpm.name, { rpm, trail, at });
        for (const need of rpm.requires)
          todo.push({ capability: need, trail: [...trail, `${rpm.name} requires ${need}`], at });
      }
    }
    for (const want of shared) {
      const providers = this.#providersOf(want);
      if (!providers.some(({ name }) => found.has(name))) report(errors, tooMany(want, providers));
    }
    const exclusiveArches = (rpm: Rpm): readonly string[] => this.facts(rpm.package).exclusiveArches;
    const problems = misfits([...found.values()], { arch: this.#arch, platform, exclusiveArches });
    for (const problem of problems) report(errors, problem);
    return [...found.values()].map(({ rpm }) => rpm).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #providersOf({ capability }: Want): readonly Rpm[] {
    return this.#providers.get(capabilityName(capability)) ?? [];
  }

  #nobody({ capability, trail, at }: Want): BuildError {
    const name = capabilityName(capability);
    const message = `Cannot find a package that provides "${name}": ${trail.join(', ')}`;
    const hint = suggest(name, [...this.#providers.keys()]) ?? 'Add it below packages/, or correct the name';
    return new BuildError('package/no-provider', message, { at, hint });
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

function report(errors: BuildError[], problem: BuildError): void {
  if (!errors.some((error) => error.message === problem.message)) errors.push(problem);
}

function tooMany({ capability, trail, at }: Want, providers: readonly Rpm[]): BuildError {
  const names = providers.map((rpm) => `${rpm.name} (packages/${rpm.package})`).join(' and ');
  const message = `Cannot choose a package that provides "${capabilityName(capability)}": ${names} do; ${trail.join(', ')}`;
  return new BuildError('package/two-providers', message, {
    at,
    hint: 'Require the package itself rather than the shared name',
  });
}
