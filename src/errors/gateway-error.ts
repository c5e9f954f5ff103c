import { TransaxleError } from './base.ts'

/** The way to the frontier model: no connection, a refusal (4xx), a failure (5xx), or a stream that ended without its terminator. */
export class GatewayError extends TransaxleError<'network' | 'gateway-refused' | 'gateway-failed' | 'stream-truncated'> {
  override readonly name = 'GatewayError'
}
