import type { FinishReason, Part, Source, Usage } from '../contracts/part.ts'
import { GatewayError } from '../errors/gateway-error.ts'
import { toShape } from '../errors/shape.ts'
import { isRecord } from '../utils/json.ts'
import { streamError } from './refusal.ts'

const FINISH: ReadonlyMap<unknown, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['content_filter', 'content-filter'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
])

/** Reads the frames of one OpenAI `chat.completion.chunk` stream into parts. The `finish` part comes with `[DONE]`, and only with it. */
export class AnswerReader {
  readonly #id: string
  #source: Source = { where: 'frontier' }
  #started = false
  #ended = false
  #reason: FinishReason | undefined
  #refused = false
  #usage: Usage = { promptTokens: 0, completionTokens: 0 }

  constructor(id: string) {
    this.#id = id
  }

  get source(): Source {
    return this.#source
  }

  /** Whether `finish` or `error` is among the parts read. */
  get ended(): boolean {
    return this.#ended
  }

  /** The parts of the next frames. Throws `gateway-failed` for a frame that is not understood. */
  read(frames: readonly string[]): readonly Part[] {
    const parts: Part[] = []
    for (const frame of frames) {
      if (this.#ended) break
      if (frame.trim() === '[DONE]') parts.push(this.#finish())
      else this.#chunk(parse(frame), parts)
    }
    return parts
  }

  /** The error of a body that ended without `[DONE]`. */
  truncated(): GatewayError {
    return new GatewayError('stream-truncated', 'The answer of the gateway ended before its end marker.', { retryable: true })
  }

  #chunk(chunk: Readonly<Record<string, unknown>>, parts: Part[]): void {
    if (isRecord(chunk['error'])) {
      this.#ended = true
      parts.push({ type: 'error', source: this.#source, error: toShape(streamError(chunk['error'])) })
      return
    }
    if (!this.#started) {
      this.#started = true
      if (typeof chunk['model'] === 'string') this.#source = { where: 'frontier', model: chunk['model'] }
      parts.push({ type: 'start', source: this.#source, id: this.#id })
    }
    if (isRecord(chunk['usage'])) {
      this.#usage = {
        promptTokens: count(chunk['usage']['prompt_tokens']),
        completionTokens: count(chunk['usage']['completion_tokens']),
      }
    }
    const choice: unknown = Array.isArray(chunk['choices']) ? chunk['choices'][0] : undefined
    if (!isRecord(choice)) return
    const delta = isRecord(choice['delta']) ? choice['delta'] : {}
    if (typeof delta['content'] === 'string' && delta['content'] !== '') {
      parts.push({ type: 'delta', source: this.#source, text: delta['content'] })
    }
    if (typeof delta['refusal'] === 'string') this.#refused = true
    const reason = choice['finish_reason']
    if (reason === undefined || reason === null) return
    this.#reason = FINISH.get(reason)
    if (this.#reason === undefined) {
      throw new GatewayError('gateway-failed', 'The upstream ended the answer for a reason that is not known here.', {
        details: { finishReason: typeof reason === 'string' ? reason.slice(0, 40) : typeof reason },
      })
    }
  }

  #finish(): Part {
    if (this.#reason === undefined) throw this.truncated()
    this.#ended = true
    const reason = this.#refused ? 'content-filter' : this.#reason
    return { type: 'finish', source: this.#source, reason, usage: this.#usage }
  }
}

function parse(frame: string): Readonly<Record<string, unknown>> {
  try {
    const chunk: unknown = JSON.parse(frame)
    if (isRecord(chunk)) return chunk
  } catch {
    // Said below, without the frame: it may hold text of the answer.
  }
  throw new GatewayError('gateway-failed', 'The gateway sent a frame that is not a JSON object.', { retryable: true })
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}
