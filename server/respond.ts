import { clientClosed, toApiError } from './errors.ts'
import type { ApiError } from './errors.ts'
import type { Chunk, Delta } from './providers/port.ts'
import type { RunInfo, RunReader } from './run.ts'

/** How a response ended, for the log. */
export type Ended = (error: ApiError | undefined) => void

/**
 * The whole answer as an OpenAI `chat.completion`.
 *
 * @throws ApiError what the run failed with: a broken answer is never returned in part
 */
export async function completionOf(reader: RunReader, info: RunInfo): Promise<Record<string, unknown>> {
  const message = new MessageBuilder()
  let head: Record<string, unknown> = {}
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    if (chunk.type === 'start') {
      head = headOf(info, 'chat.completion', chunk)
    } else if (chunk.type === 'delta') {
      message.add(chunk.delta, chunk.logprobs)
    } else {
      const choice = { index: 0, message: message.message, logprobs: message.logprobs, finish_reason: chunk.reason }
      return { ...head, choices: [choice], usage: chunk.usage }
    }
  }
  throw clientClosed()
}

/**
 * The answer as OpenAI's server-sent events, ended by `data: [DONE]`. A run that breaks ends in an error event and no `[DONE]`.
 * `first` was read already, so that faults before it could still have a status of their own.
 */
export function eventStreamOf(
  reader: RunReader,
  info: RunInfo,
  first: Chunk,
  includeUsage: boolean,
  ended: Ended,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const events = eventsOf(reader, info, first, includeUsage)
  let closed = false
  const close = (error: ApiError | undefined): void => {
    if (closed) return
    closed = true
    reader.close()
    ended(error)
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await events.next()
        if (done !== true) {
          controller.enqueue(encoder.encode(`data: ${value}\n\n`))
          return
        }
        close(undefined)
      } catch (thrown) {
        if (closed) return
        const error = toApiError(thrown)
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(error.toBody())}\n\n`))
        close(error)
      }
      controller.close()
    },
    cancel() {
      close(clientClosed())
    },
  })
}

async function* eventsOf(reader: RunReader, info: RunInfo, first: Chunk, includeUsage: boolean): AsyncGenerator<string, void> {
  let head: Record<string, unknown> = {}
  const usage = includeUsage ? { usage: null } : {}
  const choice = (delta: Delta, finish_reason: string | null, logprobs: unknown = null): string =>
    JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs, finish_reason }], ...usage })

  for (let chunk: Chunk | undefined = first; chunk !== undefined; chunk = await reader.next()) {
    if (chunk.type === 'start') {
      head = headOf(info, 'chat.completion.chunk', chunk)
      yield choice({ role: 'assistant', content: '' }, null)
    } else if (chunk.type === 'delta') {
      yield choice(chunk.delta, null, chunk.logprobs)
    } else {
      yield choice({}, chunk.reason)
      if (includeUsage) yield JSON.stringify({ ...head, choices: [], usage: chunk.usage })
    }
  }
  yield '[DONE]'
}

function headOf(info: RunInfo, object: string, start: Chunk & { type: 'start' }): Record<string, unknown> {
  return { id: info.id, object, created: info.created, model: start.model, system_fingerprint: start.fingerprint ?? null }
}

/** An assistant's message out of its deltas: texts are joined, tool calls are joined by their index. */
class MessageBuilder {
  readonly message: Record<string, unknown> = { role: 'assistant', content: null, refusal: null }
  logprobs: Record<string, unknown> | null = null
  readonly #toolCalls = new Map<number, { id: string; type: 'function'; function: { name: string; arguments: string } }>()

  add(delta: Delta, logprobs: unknown): void {
    for (const [member, value] of Object.entries(delta)) {
      if (member === 'tool_calls' && Array.isArray(value)) value.forEach((call: unknown) => this.#addToolCall(call))
      else if (member !== 'role' && typeof value === 'string') this.message[member] = textAt(this.message, member) + value
    }
    if (isRecord(logprobs)) {
      this.logprobs ??= {}
      for (const [member, tokens] of Object.entries(logprobs)) {
        const before = this.logprobs[member]
        this.logprobs[member] = Array.isArray(before) && Array.isArray(tokens) ? [...before, ...tokens] : (tokens ?? before ?? null)
      }
    }
  }

  #addToolCall(call: unknown): void {
    if (!isRecord(call)) return
    const index = typeof call['index'] === 'number' ? call['index'] : this.#toolCalls.size
    const known = this.#toolCalls.get(index) ?? { id: '', type: 'function' as const, function: { name: '', arguments: '' } }
    if (typeof call['id'] === 'string') known.id = call['id']
    if (isRecord(call['function'])) {
      known.function.name += textAt(call['function'], 'name')
      known.function.arguments += textAt(call['function'], 'arguments')
    }
    this.#toolCalls.set(index, known)
    this.message['tool_calls'] = [...this.#toolCalls].sort(([a], [b]) => a - b).map(([, value]) => value)
  }
}

function textAt(record: Record<string, unknown>, member: string): string {
  const value = record[member]
  return typeof value === 'string' ? value : ''
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
