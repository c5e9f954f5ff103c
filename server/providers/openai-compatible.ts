import { createParser } from 'eventsource-parser'

import { ApiError } from '../errors.ts'
import type { Chunk, FinishReason, Provider, ProviderRequest, Usage } from './port.ts'
import { Secret } from './secret.ts'
import { refusalOf } from './upstream-refusal.ts'
import { readUpstreamChunk } from './upstream-chunk.ts'
import { DEFAULT_TIMEOUTS, Watchdog } from './watchdog.ts'
import type { UpstreamTimeouts } from './watchdog.ts'

export interface OpenAiCompatibleOptions {
  /** Up to and with the version: `https://api.openai.com/v1`. */
  readonly baseUrl: string
  /** Sent as a bearer token. Upstreams on one's own machine often need none. */
  readonly apiKey?: string | undefined
  /** The model names offered, the default first. */
  readonly models: readonly [string, ...string[]]
  /** The member that bounds an answer: newer OpenAI models refuse the older name, most other servers know only that. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** Whether the client's `metadata` goes to the upstream. OpenAI takes it only together with `store`. */
  readonly forwardMetadata?: boolean | undefined
  readonly timeouts?: Partial<UpstreamTimeouts> | undefined
  readonly fetch: typeof fetch
}

/** The longest event an upstream may send, in characters. */
const LONGEST_EVENT = 1_048_576

/**
 * Any server that speaks OpenAI's chat completions API: OpenAI, vLLM, SGLang, LiteLLM, Ollama, llama.cpp.
 * The upstream is always read as a stream, so that its silence is noticed. It is asked once: retries are the client's.
 */
export function createOpenAiCompatible(options: OpenAiCompatibleOptions): Provider {
  const secret = new Secret(options.apiKey)
  const timeouts: UpstreamTimeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const url = `${options.baseUrl.replace(/\/+$/, '')}/chat/completions`

  async function* complete(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    const watchdog = new Watchdog(timeouts, signal)
    try {
      watchdog.enter('connect')
      const response = await options.fetch(url, {
        method: 'POST',
        headers: headersOf(options),
        body: JSON.stringify(bodyOf(options, request)),
        signal: watchdog.signal,
        // A redirect would carry the prompt to a place that nobody configured.
        redirect: 'manual',
      })
      if (!response.ok) throw await refusalOf(response, secret)
      if (response.body === null || !(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
        throw new ApiError(502, 'upstream_invalid', 'The upstream did not answer with an event stream. Is FRONTIER_BASE_URL right?')
      }
      watchdog.enter('firstToken')
      yield* chunksOf(response.body, request.model, secret, () => watchdog.enter('idle'))
    } catch (thrown) {
      // What aborted the call says more than how the connection took it.
      if (watchdog.signal.aborted) throw watchdog.signal.reason
      if (thrown instanceof ApiError) throw thrown
      throw new ApiError(
        502,
        'upstream_unreachable',
        'The upstream could not be reached. Check FRONTIER_BASE_URL and that it runs.',
        {
          cause: new Error(secret.scrub(describe(thrown))),
        },
      )
    } finally {
      watchdog.stop()
    }
  }

  return { name: 'openai-compatible', models: () => options.models, complete }
}

function headersOf({ apiKey }: OpenAiCompatibleOptions): Record<string, string> {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  return apiKey === undefined ? headers : { ...headers, authorization: `Bearer ${apiKey}` }
}

function bodyOf(options: OpenAiCompatibleOptions, request: ProviderRequest): Record<string, unknown> {
  return {
    ...request.parameters,
    model: request.model,
    messages: request.messages,
    [options.maxTokensField]: request.maxTokens,
    ...(options.forwardMetadata === true && Object.keys(request.metadata).length > 0 ? { metadata: request.metadata } : {}),
    stream: true,
    stream_options: { include_usage: true },
  }
}

/** The chunks of an upstream's event stream. `finish` comes after `[DONE]` only: before that nobody knows that nothing is missing. */
async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  model: string,
  secret: Secret,
  onEvent: () => void,
): AsyncGenerator<Chunk, void> {
  const content = secret.scrubber()
  let started = false
  let done = false
  let finish: FinishReason | undefined
  let usage: Usage | undefined
  for await (const data of eventsOf(body)) {
    // Reading on to the end after `[DONE]` is what lets the connection be used again.
    if (done) continue
    onEvent()
    if (data === '[DONE]') {
      if (finish === undefined) throw truncated()
      done = true
      const rest = content.flush()
      if (rest !== '') yield { type: 'delta', delta: { content: rest } }
      yield { type: 'finish', reason: finish, usage }
      continue
    }
    const chunk = readUpstreamChunk(secret.scrubAnswer(data))
    if (!started) {
      started = true
      yield { type: 'start', model: chunk.model ?? model, fingerprint: chunk.fingerprint }
    }
    finish = chunk.finish ?? finish
    usage = chunk.usage ?? usage
    if (chunk.delta !== undefined || chunk.logprobs !== undefined) {
      const { content: text, ...others } = chunk.delta ?? {}
      const safe = text === undefined || text === null ? {} : { content: content.push(text) }
      yield { type: 'delta', delta: { ...others, ...safe }, logprobs: chunk.logprobs }
    }
  }
  if (!done) throw truncated()
}

/** The data of each event, as the bytes come in: frames and characters may be cut anywhere. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const events: string[] = []
  let tooLong = false
  const parser = createParser({
    maxBufferSize: LONGEST_EVENT,
    onEvent: ({ data }) => events.push(data),
    onError: ({ type }) => {
      tooLong ||= type === 'max-buffer-size-exceeded'
    },
  })
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await readOrTruncated(reader)
    if (done) return
    parser.feed(decode(decoder, value))
    if (tooLong) throw new ApiError(502, 'upstream_invalid', `The upstream sent an event of more than ${LONGEST_EVENT} characters.`)
    yield* events.splice(0)
  }
}

async function readOrTruncated(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read()
  } catch (cause) {
    throw truncated(cause)
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true })
  } catch {
    throw new ApiError(502, 'upstream_invalid', 'The upstream sent bytes that are not UTF-8.')
  }
}

function truncated(cause?: unknown): ApiError {
  return new ApiError(502, 'upstream_truncated', 'The upstream broke off before the end of its answer.', { cause })
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause instanceof Error ? `${thrown.message}: ${thrown.cause.message}` : thrown.message
}
