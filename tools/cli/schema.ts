import { Argument } from 'commander';
import type { Command } from 'commander';

import { jsonSchema, MANIFEST_KINDS } from '../config/json-schema.ts';
import type { ManifestKind } from '../config/json-schema.ts';
import { example } from './help.ts';
import type { RunVerb } from './session.ts';

export function addSchema(program: Command, run: RunVerb): void {
  program
    .command('schema')
    .description('Print the JSON Schema of a manifest, for editors')
    .addArgument(new Argument('<manifest>', 'which manifest').choices(MANIFEST_KINDS))
    .addHelpText('after', example('schema variant > variant.schema.json'))
    .action((kind: ManifestKind) =>
      run(({ result }) => {
        const schema = jsonSchema(kind);
        result(JSON.stringify(schema, undefined, 2), schema);
        return Promise.resolve();
      }),
    );
}
