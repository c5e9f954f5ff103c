import type { Exchange, Frontier, FrontierCallOptions, FrontierRequest } from '../contracts/frontier.ts'
import type { Part, Source } from '../contracts/part.ts'
import { isTransaxleError, type TransaxleError } from '../errors/base.ts'
import { GatewayError } from '../errors/gateway-error.ts'
import { toShape } from '../errors/shape.ts'
import { TimeoutError } from '../errors/timeout-error.ts'
import { abortError, throwIfAborted, withDeadline } from '../utils/deadline.ts'
import { AnswerReader } from './answer-reader.ts'
import { readFrames } from './frames.ts'
import { refusal } from './refusal.ts'

/** `setTimeout` fires at once for anything longer. */
const LONGEST_TIMER = 2 ** 31 - 1

export interface GatewayOptions {
  /** Base of the OpenAI-shaped API, `/v1` for one. */
  readonly url: string
  /** Asked for by this name; a gateway may answer with another. Default `frontier`, which the gateway's own takes for its first. */
  readonly model?: string | undefined
  /** Default: `healthz` beside `url`. */
  readonly healthUrl?: string | undefined
  /** Added to each request: a token, for one. Asked anew each time. */
  readonly headers?: (() => Promise<Readonly<Record<string, string>>>) | undefined
  readonly fetch: typeof fetch
  /** Milliseconds to the first part, where a call does not say. Default 30,000. */
  readonly firstTokenTimeout?: number | undefined
  /** Milliseconds between parts, where a call does not say. Default 20,000. */
  readonly idleTimeout?: number | undefined
  /** Milliseconds for a probe. Default 5,000. */
  readonly probeTimeout?: number | undefined
  /** Milliseconds since the epoch, for a `Retry-After` that is a date. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * The `Frontier` behind an OpenAI-shaped gateway: `POST {url}/chat/completions`, answered as server-sent events.
 *
 * Makes each request once: retries belong to the outbox and the gateway, and `Idempotency-Key` makes theirs harmless.
 * Errors are `error` parts: `network` (no connection), `gateway-refused` (4xx), `gateway-failed` (5xx, or an answer that is not
 * understood), `stream-truncated` (no `[DONE]`), `timeout`. `details` may have `status`, `code`, and `retryAfter` in
 * milliseconds. The caller's own abort is a thrown `AbortError`.
 */
export class GatewayClient implements Frontier {
  readonly #options: GatewayOptions
  readonly #url: string

  /** Kept apart from the options: a browser's fetch must not be called as a method of another object. */
  readonly #fetch: typeof fetch

  constructor(options: GatewayOptions) {
    this.#options = options
    const { fetch } = options
    this.#fetch = (input, init) => fetch(input, init)
    this.#url = options.url.replace(/\/+$/, '')
  }

  /** `exchange` counts the bytes of the bodies, before any compression on the way. */
  async *complete(request: FrontierRequest, options: FrontierCallOptions = {}, exchange?: Exchange): AsyncGenerator<Part> {
    throwIfAborted(options.signal)
    const firstTokenTimeout = options.firstTokenTimeout ?? this.#options.firstTokenTimeout ?? 30_000
    const idleTimeout = options.idleTimeout ?? this.#options.idleTimeout ?? 20_000
    const stop = new AbortController()
    const onAbort = (): void => stop.abort()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    let timer: ReturnType<typeof setTimeout> | undefined
    let timeout: TimeoutError | undefined
    const arm = (phase: string, milliseconds: number): void => {
      timer = setTimeout(
        () => {
          timeout = new TimeoutError(phase, milliseconds)
          stop.abort()
        },
        Math.min(milliseconds, LONGEST_TIMER),
      )
    }
    let source: Source = { where: 'frontier' }
    try {
      arm('the first part of the gateway', firstTokenTimeout)
      const response = await this.#send(request, stop.signal, exchange)
      const answer = new AnswerReader(request.idempotencyKey)
      for await (const frames of readFrames(response, stop.signal, exchange)) {
        const parts = answer.read(frames)
        if (parts.length === 0) continue
        source = answer.source

        // The clock stands still while the reader of the parts is at work.
        clearTimeout(timer)
        for (const part of parts) {
          throwIfAborted(options.signal)
          yield part
        }
        if (answer.ended) return
        arm('the next part of the gateway', idleTimeout)
      }
      throw answer.truncated()
    } catch (error) {
      if (options.signal?.aborted === true) throw abortError(options.signal)
      yield { type: 'error', source, error: toShape(timeout ?? error, 'gateway-failed') }
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      stop.abort()
    }
  }

  /** Whether the gateway answers its health check. False for every fault; throws `AbortError` for the caller's abort. */
  async probe(signal?: AbortSignal): Promise<boolean> {
    throwIfAborted(signal)
    const stop = new AbortController()
    try {
      const response = await withDeadline(
        this.#fetch(this.#options.healthUrl ?? `${this.#url}/../healthz`, { cache: 'no-store', signal: stop.signal }),
        'the health check of the gateway',
        this.#options.probeTimeout ?? 5_000,
        signal,
      )

      // A network that asks for a login first answers everything, with a page.
      return response.ok && response.headers.get('content-type')?.includes('html') !== true
    } catch (error) {
      if (signal?.aborted === true) throw error
      return false
    } finally {
      stop.abort()
    }
  }

  /** The response, if it is the stream that was asked for. */
  async #send(request: FrontierRequest, signal: AbortSignal, exchange: Exchange | undefined): Promise<Response> {
    const body = JSON.stringify(this.#body(request))
    const guard = <T>(promise: Promise<T>): Promise<T> => withDeadline(promise, '', undefined, signal)
    const headers = await guard(this.#headers())
    if (exchange !== undefined) exchange.bytesSent += new TextEncoder().encode(body).byteLength
    let response: Response
    try {
      response = await guard(
        this.#fetch(`${this.#url}/chat/completions`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'text/event-stream',
            'idempotency-key': request.idempotencyKey,
            ...headers,
          },
          body,
          signal,
        }),
      )
    } catch (cause) {
      throw new GatewayError('network', 'The gateway cannot be reached.', { retryable: true, cause })
    }
    const type = response.headers.get('content-type') ?? 'none'
    if (response.ok && type.includes('event-stream')) return response
    throw await refusal(response, type, request, guard, this.#options.now?.() ?? Date.now(), exchange)
  }

  async #headers(): Promise<Readonly<Record<string, string>>> {
    try {
      return (await this.#options.headers?.()) ?? {}
    } catch (cause) {
      throw (
        asIs(cause) ??
        new GatewayError('gateway-failed', 'The headers for the gateway could not be had.', { retryable: true, cause })
      )
    }
  }

  #body(request: FrontierRequest): Readonly<Record<string, unknown>> {
    return {
      model: this.#options.model ?? 'frontier',
      messages: request.messages,
      max_tokens: request.maxTokens,
      stream: true,
      stream_options: { include_usage: true },
      metadata: request.metadata,
      response_format:
        request.schema === undefined
          ? undefined
          : { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: request.schema } },
    }
  }
}

function asIs(error: unknown): TransaxleError | undefined {
  return isTransaxleError(error) ? error : undefined
}
