import { createHash } from 'node:crypto';

/** At most 64 characters of ASCII, as EC2 and EBS take them; equal requests of whoever sends them make one thing. */
export function clientToken(facts: unknown): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
