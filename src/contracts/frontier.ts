import type { ChatMessage } from './engine.ts'
import type { Part } from './part.ts'

export interface FrontierRequest {
  /** Makes a resend harmless: the gateway answers one key once. */
  readonly idempotencyKey: string
  readonly messages: readonly ChatMessage[]
  readonly maxTokens: number
  /** JSON Schema the answer must follow, for upstreams that constrain decoding. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined
  /** Labels for the upstream's own accounting, `task` for one. Never the input. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export interface FrontierCallOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds to the first part. */
  readonly firstTokenTimeout?: number | undefined
  /** Milliseconds between parts. */
  readonly idleTimeout?: number | undefined
}

/** Bytes on the wire, for the ledger. Filled in as the exchange goes on. */
export interface Exchange {
  bytesSent: number
  bytesReceived: number
}

/** The server-side model behind the gateway. Errors are parts; a cut stream ends in an `error` part, never in silence. */
export interface Frontier {
  complete(request: FrontierRequest, options?: FrontierCallOptions, exchange?: Exchange): AsyncIterable<Part>
  /** True if the gateway answers now. A measurement, not `navigator.onLine`. */
  probe(signal?: AbortSignal): Promise<boolean>
}
