import { TargetFile, Targets } from '@tufjs/models';

type Data = ReturnType<Targets['toJSON']>;

/**
 * @tufjs/models copies the whole map of targets once for each of them, both to read and to print a role: a quarter of a second for a
 * thousand, half a minute for ten thousand. With this, its functions see a role without targets, and then each target by itself.
 */
export function makeTargetsLinear(): void {
  const readRole = Targets.fromJSON.bind(Targets);
  Targets.fromJSON = (data) => {
    const { targets } = data;
    if (!isRecord(targets)) return readRole(data);
    const role = readRole({ ...data, targets: {} });
    for (const [path, target] of Object.entries(targets)) {
      if (!isRecord(target)) return readRole(data);
      role.addTarget(TargetFile.fromJSON(path, target));
    }
    return role;
  };
  // oxlint-disable-next-line typescript/unbound-method -- it is called with the role it is for
  const printRole = Targets.prototype.toJSON;
  Targets.prototype.toJSON = function toJSON(this: Targets): Data {
    const { specVersion, version, expires, unrecognizedFields, delegations } = this;
    const common = { specVersion, version, expires, unrecognizedFields };
    const role = printRole.call(new Targets({ ...common, ...(delegations && { delegations }) }));
    const targets = Object.entries(this.targets).map(([path, file]): [string, Data] => [path, file.toJSON()]);
    return { ...role, targets: Object.fromEntries(targets) };
  };
}

function isRecord(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
