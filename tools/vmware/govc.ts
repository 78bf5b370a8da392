/** govc, VMware's own client, run for one datacenter. Passwords are in its environment only, and no session of it is kept. */
import type { z } from 'zod';

import { BuildError } from '../errors.ts';
import { runCommand } from '../process/command.ts';
import type { Place } from './places.ts';

export interface GovcOptions {
  /** The program. */
  readonly program: string;
  readonly place: Place;
  /** What the user's own GOVC_* say of the connection, proxies, and where it may put files. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Of the user's environment what govc is given as it is. */
export const CONNECTION_VARIABLES = [
  'GOVC_INSECURE',
  'GOVC_TLS_CA_CERTS',
  'GOVC_TLS_KNOWN_HOSTS',
  'HTTPS_PROXY',
  'https_proxy',
  'NO_PROXY',
  'no_proxy',
];

export class Govc {
  readonly place: Place;
  readonly #options: GovcOptions;
  readonly #env: Readonly<Record<string, string>>;

  constructor(options: GovcOptions) {
    const { place, environment } = options;
    this.place = place;
    this.#options = options;
    this.#env = {
      ...environment,
      GOVC_URL: place.url,
      GOVC_USERNAME: place.credentials.username,
      GOVC_PASSWORD: place.credentials.password,
      GOVC_PERSIST_SESSION: 'false',
      GOVC_INDENT: 'false',
    };
  }

  /** What it prints, as JSON. @throws BuildError vmware/govc */
  async ask<S extends z.ZodType>(schema: S, ...argv: readonly string[]): Promise<z.output<S>> {
    const [verb = '', ...rest] = argv;
    const lines = await this.run([verb, '-json', ...rest]);
    const text = lines.join('\n').trim();
    try {
      return schema.parse(text === '' ? null : JSON.parse(text));
    } catch (cause) {
      throw new BuildError('vmware/govc', `Cannot read what govc ${verb} says of "${this.place.name}"`, { cause });
    }
  }

  /** @throws BuildError vmware/govc */
  async run(argv: readonly string[], onLine: (line: string) => void = () => undefined): Promise<readonly string[]> {
    const { program, signal } = this.#options;
    const lines: string[] = [];
    const listen = (line: string): void => {
      lines.push(line);
      onLine(line);
    };
    const { status } = await runCommand([program, ...argv], { env: this.#env, onLine: listen, signal });
    signal.throwIfAborted();
    if (status !== 0) throw this.#failure(argv[0] ?? '', lines);
    return lines;
  }

  #failure(verb: string, lines: readonly string[]): BuildError {
    const { name, url, credentials } = this.place;
    const prefix = `${this.#options.program}: `;
    const said = lines
      .filter((line) => line.startsWith(prefix))
      .map((line) => line.slice(prefix.length))
      .join('; ');
    // The server may have repeated what it was sent.
    const shown = (said === '' ? lines.slice(-3).join('; ') : said).replaceAll(credentials.password, '***');
    const message = `Cannot ${TASKS[verb] ?? `run govc ${verb}`} in "${name}" (${url}): ${shown}`;
    return new BuildError('vmware/govc', message, { hint: remedy(shown) });
  }
}

const TASKS: Readonly<Record<string, string>> = {
  about: 'log in',
  find: 'look around',
  'import.ova': 'import the OVA',
  'library.import': 'import the OVA',
};

function remedy(said: string): string | undefined {
  if (/x509|certificate/.test(said))
    return "Name the certificate of who signed the vCenter's by vmware.tls-ca-certs in Infra.yaml, or set GOVC_TLS_CA_CERTS";
  if (/incorrect user name or password|InvalidLogin/i.test(said))
    return 'Check GOVC_USERNAME and GOVC_PASSWORD, or ~/.config/slipway/vsphere-credentials.yaml';
  if (/no such host|connection refused|timeout/.test(said))
    return 'Check vsphere-url, and that this machine reaches it';
  return undefined;
}
