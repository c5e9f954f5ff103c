import type { ErrorShape } from '../contracts/error-shape.ts'
import type { Exchange } from '../contracts/frontier.ts'
import type { Part, Usage } from '../contracts/part.ts'
import { toShape } from '../errors/shape.ts'

/** How one try to send ended, and what it moved. */
export interface Sent {
  readonly exchange: Exchange
  readonly usage?: Usage | undefined
  readonly model?: string | undefined
  readonly result: { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: ErrorShape }
}

/** Reads one answer to its end. Never rejects: anything but a proper end is an error in the result. */
export async function send(
  frontier: (signal: AbortSignal, exchange: Exchange) => AsyncIterable<Part>,
  signal: AbortSignal,
): Promise<Sent> {
  const exchange: Exchange = { bytesSent: 0, bytesReceived: 0 }
  let text = ''
  let model: string | undefined
  try {
    for await (const part of frontier(signal, exchange)) {
      model = part.source.model ?? model
      if (part.type === 'delta') text += part.text
      if (part.type === 'error') return { exchange, model, result: { ok: false, error: part.error } }
      if (part.type !== 'finish') continue
      if (part.reason !== 'content-filter') return { exchange, model, usage: part.usage, result: { ok: true, text } }
      return {
        exchange,
        model,
        usage: part.usage,
        result: fault('gateway-refused', 'The frontier model declined to answer.', false),
      }
    }
    return { exchange, model, result: fault('stream-truncated', 'The answer ended without its end mark.', true) }
  } catch (error) {
    return { exchange, model, result: { ok: false, error: toShape(error, 'gateway-failed') } }
  }
}

function fault(code: ErrorShape['code'], message: string, retryable: boolean): Sent['result'] {
  return { ok: false, error: { code, message, retryable } }
}
