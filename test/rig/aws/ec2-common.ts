/** What calls of EC2 have in common: tags, filters, pages, permissions. */
import { ApiError, list, need, text, texts } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import type { Caller, Permission, Tags, World } from './world.ts';

export type Handler = (world: World, caller: Caller, request: Param) => Xml;

/** Whether a request asks for tags, which is an action of its own to IAM. */
export function ec2Tags(request: Param): boolean {
  return list(request, 'TagSpecification').length > 0;
}

export function readTags(request: Param, kind: string): Tags {
  const specifications = list(request, 'TagSpecification').filter((one) => text(one, 'ResourceType') === kind);
  return Object.fromEntries(
    specifications.flatMap((one) => list(one, 'Tag')).map((tag) => [need(tag, 'Key'), text(tag, 'Value') ?? '']),
  );
}

export function tagsXml(tags: Tags): Xml {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

export function matches(request: Param, facts: Readonly<Record<string, string>>, tags: Tags): boolean {
  return list(request, 'Filter').every((filter) => {
    const name = need(filter, 'Name');
    const value = name.startsWith('tag:') ? tags[name.slice(4)] : facts[name];
    if (value === undefined && !name.startsWith('tag:') && !(name in facts))
      throw new ApiError('InvalidParameterValue', `The filter '${name}' is invalid`);
    return value !== undefined && texts(filter, 'Value').includes(value);
  });
}

const PAGE = 100;

export function paged<T>(found: readonly T[], request: Param): { page: readonly T[]; next: string | undefined } {
  const from = Number(text(request, 'NextToken') ?? 0);
  return { page: found.slice(from, from + PAGE), next: found.length > from + PAGE ? String(from + PAGE) : undefined };
}

const KINDS = ['Group', 'UserId', 'OrganizationArn', 'OrganizationalUnitArn'] as const;

function readPermissions(change: Param, key: string): Permission[] {
  return list(change, key).flatMap((one) =>
    KINDS.flatMap((kind) => {
      const value = text(one, kind);
      return value === undefined ? [] : [{ kind, value }];
    }),
  );
}

function same(a: Permission, b: Permission): boolean {
  return a.kind === b.kind && a.value === b.value;
}

export function changed(before: readonly Permission[], change: Param): Permission[] {
  const removed = readPermissions(change, 'Remove');
  const added = readPermissions(change, 'Add');
  const kept = before.filter((one) => ![...removed, ...added].some((other) => same(one, other)));
  return [...kept, ...added];
}

export function permissionXml({ kind, value }: Permission): Xml {
  return { [`${kind.charAt(0).toLowerCase()}${kind.slice(1)}`]: value };
}
