/** What goes over the wire: REST, or the query protocol of EC2 and STS in and XML out. */

/** A parameter of the query protocol: `Filter.1.Value.2=x` -> `{Filter: [{Value: [.., 'x']}]}`. */
export type Param = string | undefined | readonly Param[] | { readonly [key: string]: Param };

export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

export interface RestAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: Buffer | object;
}

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

interface Node {
  [key: string]: Node | string;
}

export function parseQuery(body: string): Param {
  const root: Node = {};
  for (const [name, value] of new URLSearchParams(body)) {
    const path = name.split('.');
    let here = root;
    for (const step of path.slice(0, -1)) {
      const next = here[step];
      const node: Node = typeof next === 'object' ? next : {};
      here[step] = node;
      here = node;
    }
    here[path.at(-1) ?? ''] = value;
  }
  return toParam(root);
}

function toParam(node: Node | string): Param {
  if (typeof node === 'string') return node;
  const keys = Object.keys(node);
  if (keys.length > 0 && keys.every((key) => /^\d+$/.test(key)))
    return keys.toSorted((a, b) => Number(a) - Number(b)).map((key) => toParam(node[key] ?? ''));
  return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, toParam(inner)]));
}

export function text(param: Param, key: string): string | undefined {
  const value = field(param, key);
  return typeof value === 'string' ? value : undefined;
}

export function need(param: Param, key: string): string {
  const value = text(param, key);
  if (value === undefined) throw new ApiError('MissingParameter', `The request must contain the parameter ${key}`);
  return value;
}

export function list(param: Param, key: string): readonly Param[] {
  const value = field(param, key);
  return isList(value) ? value : [];
}

export function texts(param: Param, key: string): string[] {
  return list(param, key).filter((value) => typeof value === 'string');
}

export function field(param: Param, key: string): Param {
  return typeof param === 'object' && !isList(param) ? param[key] : undefined;
}

/** Array.isArray() does not know lists that cannot be changed. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [tag: string]: Xml };

export function toXml(value: Xml): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return value.map((item) => `<item>${toXml(item)}</item>`).join('');
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([tag, inner]) => `<${tag}>${toXml(inner)}</${tag}>`)
    .join('');
}
