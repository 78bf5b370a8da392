/** What an error of a call means for whoever made it. `fatal`: trying again gives the same. */
export type Verdict = 'throttled' | 'again' | 'fatal';

const THROTTLES: ReadonlySet<string> = new Set([
  'EC2ThrottledException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TooManyUpdates',
]);

const PASSING: ReadonlySet<string> = new Set([
  'IDPCommunicationError',
  'InternalError',
  'InternalFailure',
  'InternalServerError',
  'InternalServerException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'TimeoutError',
  'Unavailable',
]);

const SOCKET: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** As the services document their errors; a status of 500 or above is always worth another try. */
export function judge(error: unknown): Verdict {
  const name = errorName(error);
  const status = httpStatus(error);
  if (THROTTLES.has(name) || status === 429) return 'throttled';
  if (PASSING.has(name) || SOCKET.has(socketCode(error)) || (status !== undefined && status >= 500)) return 'again';
  // The one validation error that is about the transfer, not about what was sent (EBS direct APIs, "Error retries").
  const unread = name === 'ValidationException' && messageOf(error).includes('Failed to read block data');
  return unread ? 'again' : 'fatal';
}

/** `InvalidAMIName.Duplicate`, `ResourceNotFoundException`: the service's own name for it. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** True for errors that the service answered, whose content is known; false where nobody answered. */
export function wasAnswered(error: unknown): boolean {
  return httpStatus(error) !== undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function socketCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? '' : socketCode(error.cause);
}
