import type { ChatMessage, Sampling } from '../contracts/engine.ts'
import type { Task } from '../contracts/task.ts'
import type { Text } from './checks.ts'
import { defineTask, type TaskOptions } from './define-task.ts'
import { TEXT_SCHEMA, textMember } from './schema.ts'
import { readText, writeRung } from './write-rung.ts'

export interface Message {
  readonly message: string
}

export interface ChatOptions extends Omit<TaskOptions<Message, Text>, 'input' | 'checks' | 'cacheable'> {
  readonly instructions: string
  /** Of the answer. Default 256. */
  readonly maxTokens?: number | undefined
  /** Tokens of the thread that go into a prompt, at four characters a token; older turns are left out. Default 2,000. */
  readonly historyTokens?: number | undefined
  readonly sampling?: Sampling | undefined
}

const CHARACTERS_PER_TOKEN = 4
const MESSAGE_SCHEMA = textMember('message', (text): text is string => text.trim() !== '', 'a text that is not empty')

/**
 * A conversation: the message and the thread's earlier turns in, text out. It streams, so it has no checks; it is not cached, since the
 * answer belongs to its place in the thread.
 * @throws UsageError `invalid-option`
 */
export function chat(options: ChatOptions): Task<Message, Text> {
  const { instructions, maxTokens = 256, historyTokens = 2000, sampling } = options
  const messages = ({ message }: Message, history: readonly ChatMessage[]): readonly ChatMessage[] => [
    { role: 'system', content: instructions },
    ...latest(history, historyTokens * CHARACTERS_PER_TOKEN),
    { role: 'user', content: message },
  ]
  return defineTask({
    ...options,
    input: MESSAGE_SCHEMA,
    output: TEXT_SCHEMA,
    rungs: [writeRung<Message>({ id: 'chat', summary: 'The next turn by the language model', messages, maxTokens, sampling })],
    frontier: { messages, maxTokens: 2 * maxTokens, parse: readText },
    prompt: { instructions, maxTokens, historyTokens, sampling },
    cacheable: false,
    streams: true,
    turn: ({ message }, { text }) => [
      { role: 'user', content: message },
      { role: 'assistant', content: text },
    ],
  })
}

/** The last whole turns that fit, beginning with the user's. */
function latest(history: readonly ChatMessage[], characters: number): readonly ChatMessage[] {
  let start = history.length
  let left = characters
  while (start > 0) {
    left -= history[start - 1]?.content.length ?? 0
    if (left < 0) break
    start -= 1
  }
  const kept = history.slice(start)
  const first = kept.findIndex(({ role }) => role === 'user')
  return first < 0 ? [] : kept.slice(first)
}
