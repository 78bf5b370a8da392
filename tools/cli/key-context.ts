import type { KeyContext } from '../keys/service-key.ts';
import type { Session } from './session.ts';

/** What keys are opened with that a service or a token keeps. */
export function keyContextOf(session: Session): Omit<KeyContext, 'dir'> {
  const { host, askSecret } = session;
  return {
    askSecret,
    environment: host.environment,
    pkcs11Tool: async () => {
      const { openBench } = await import('./open-bench.ts');
      const { preparePkcs11Tool } = await import('../recipe/pkcs11-tool.ts');
      await using bench = await openBench(session);
      return await preparePkcs11Tool(bench);
    },
  };
}
