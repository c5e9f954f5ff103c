import { ApiError, clientClosed } from '../errors.ts'
import { estimateCharacters, estimateTokens } from '../limits.ts'
import { readInbox } from './inbox.ts'
import type { Inbox, InboxMessage } from './inbox.ts'
import { createMatcher } from './match.ts'
import type { Found } from './match.ts'
import { textOf } from './port.ts'
import type { Chunk, Provider, ProviderRequest } from './port.ts'

const ANSWER_KEY = 'answer-key'

export interface AnswerKeyOptions {
  /** The parsed inbox file: messages with their reference answers. */
  readonly inbox: unknown
  /** Milliseconds before each chunk, to look like a model that is far away. Default 0. */
  readonly latency?: number | undefined
}

type KeyTask = 'triage' | 'extract' | 'draft'

const WORDS_PER_CHUNK = 3
const HOW_TO_GET_MORE =
  'For anything else set FRONTIER_BASE_URL, FRONTIER_API_KEY and FRONTIER_MODEL at the gateway to a real upstream.'

/**
 * The upstream of a gateway without a key: it answers the messages of one inbox from the reference answers written for them,
 * says so in every response, and refuses everything else. It never makes an answer up.
 *
 * @throws ApiError if the inbox is not of the known form
 */
export function createAnswerKey(options: AnswerKeyOptions): Provider {
  const inbox = readInbox(options.inbox)
  const find = createMatcher(inbox.messages)
  const latency = options.latency ?? 0

  async function* complete(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    const answer = answerOf(request, inbox, find)
    const most = estimateCharacters(request.maxTokens)
    const shown = answer.slice(0, most)
    const completion = estimateTokens(shown.length)

    await pause(latency, signal)
    yield { type: 'start', model: ANSWER_KEY, fingerprint: ANSWER_KEY }
    for (const content of piecesOf(shown)) {
      await pause(latency, signal)
      yield { type: 'delta', delta: { content } }
    }
    yield {
      type: 'finish',
      reason: answer.length > most ? 'length' : 'stop',
      usage: {
        prompt_tokens: request.promptTokens,
        completion_tokens: completion,
        total_tokens: request.promptTokens + completion,
        estimated: true,
      },
    }
  }

  return { name: ANSWER_KEY, models: () => [ANSWER_KEY], complete }
}

function answerOf(request: ProviderRequest, inbox: Inbox, find: (prompt: string) => Found | undefined): string {
  const task = taskOf(request)
  const last = request.messages.findLast(({ role }) => role === 'user')
  const found = last === undefined ? undefined : find(textOf(last))
  if (found === undefined) {
    throw refused(
      `This is the answer key of the sample inbox of ${inbox.shop.name}: it answers those messages, and this is not one of them.`,
    )
  }
  // A redacted prompt gets a redacted answer, as from a model that never saw the original.
  return found.hidden.reduce(
    (text, { original, placeholder }) => text.replaceAll(original, placeholder),
    textFor(task, found.message),
  )
}

function textFor(task: KeyTask, { reference }: InboxMessage): string {
  if (task === 'triage') return JSON.stringify({ label: reference.intent })
  if (task === 'extract') return JSON.stringify(reference.fields)
  return reference.reply
}

/** `metadata.task`, with or without its version: `triage`, `triage@1`. */
function taskOf({ metadata }: ProviderRequest): KeyTask {
  const name = (metadata['task'] ?? '').replace(/@.*$/s, '')
  if (name === 'triage' || name === 'extract' || name === 'draft') return name
  throw refused(
    `This is the answer key of the demo: it knows the tasks 'triage', 'extract' and 'draft', named in 'metadata.task'.`,
    'metadata.task',
  )
}

function refused(what: string, param = 'messages'): ApiError {
  return new ApiError(422, 'not_in_answer_key', `${what} ${HOW_TO_GET_MORE}`, { param })
}

function piecesOf(text: string): readonly string[] {
  const words = text.match(/\s*\S+\s*$|\s*\S+/g) ?? []
  const pieces: string[] = []
  for (let i = 0; i < words.length; i += WORDS_PER_CHUNK) pieces.push(words.slice(i, i + WORDS_PER_CHUNK).join(''))
  return pieces
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(clientClosed())
  if (milliseconds === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(clientClosed())
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
