import type { Frontier, FrontierRequest } from '../contracts/frontier.ts'
import type { FinishReason, Part, Usage } from '../contracts/part.ts'
import { throwIfAborted } from '../utils/deadline.ts'
import type { Fault } from './fault.ts'
import type { Pace } from './stream.ts'
import { bounded, piecesOf, stream, wait } from './stream.ts'

/** What the fake answers: a text, or a text with how it ends, or an error. */
export type FakeAnswer =
  | string
  | {
      readonly text?: string | undefined
      readonly reason?: FinishReason | undefined
      readonly usage?: Usage | undefined
      /** Ends the stream in this error, after the text. */
      readonly failWith?: Fault | undefined
    }

export interface FakeFrontierOptions extends Pace {
  /** The answer to a request. Default: an empty text. */
  readonly respond?: ((request: FrontierRequest) => FakeAnswer | Promise<FakeAnswer>) | undefined
  /** Name of the model in the parts' source. Default `fake-frontier`. */
  readonly model?: string | undefined
  /** Starts without a network. Change it with the frontier's `offline`. */
  readonly offline?: boolean | undefined
}

export interface FakeFrontier extends Frontier {
  /** Everything that left the device, in order. */
  readonly requests: readonly FrontierRequest[]
  /** While true nothing leaves: `complete` ends in a `network` error, and `probe` is false. */
  offline: boolean
}

/** A frontier model that says what it is told, and keeps what it was sent. */
export function fakeFrontier(options: FakeFrontierOptions = {}): FakeFrontier {
  const { respond = () => '', model = 'fake-frontier' } = options
  const requests: FrontierRequest[] = []
  const source = { where: 'frontier', model } as const

  async function* answerTo(request: FrontierRequest, signal: AbortSignal | undefined): AsyncGenerator<Part> {
    const answer = await respond(request)
    const { text = '', reason = 'stop', usage, failWith } = typeof answer === 'string' ? { text: answer } : answer
    const pieces = piecesOf(text)
    const counted = usage ?? {
      promptTokens: Math.ceil(JSON.stringify(request.messages).length / 4),
      completionTokens: pieces.length,
    }
    const id = request.idempotencyKey
    yield* stream({ id, source, pieces, reason, usage: counted, failWith, failAfter: pieces.length }, options, signal)
  }

  const frontier: FakeFrontier = {
    requests,
    offline: options.offline ?? false,
    async *complete(request, call = {}, exchange): AsyncGenerator<Part> {
      throwIfAborted(call.signal)
      if (frontier.offline) {
        yield {
          type: 'error',
          source: { where: 'frontier' },
          error: { code: 'network', message: 'The fake frontier is offline.', retryable: true },
        }
        return
      }
      requests.push(request)
      if (exchange !== undefined) exchange.bytesSent += bytesOf(JSON.stringify(request))
      const parts = answerTo(request, call.signal)
      for await (const part of bounded(parts, source, call.firstTokenTimeout, call.idleTimeout, call.signal)) {
        if (exchange !== undefined) exchange.bytesReceived += bytesOf(JSON.stringify(part))
        yield part
      }
    },
    async probe(signal) {
      await wait(options, signal)
      return !frontier.offline
    },
  }
  return frontier
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength
}
