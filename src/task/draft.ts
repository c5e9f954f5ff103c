import type { ChatMessage, Sampling } from '../contracts/engine.ts'
import type { Check, Draft, Rung, Task } from '../contracts/task.ts'
import { endsProperly, notEmpty, noPlaceholders, noRefusal, type Text } from './checks.ts'
import { defineTask, type TaskOptions } from './define-task.ts'
import type { Example } from './extract.ts'
import { TEXT_SCHEMA } from './schema.ts'
import { readText, writeRung } from './write-rung.ts'

export interface DraftOptions<I> extends TaskOptions<I, Text> {
  /** What to write, in what tone, and the facts it may use. */
  readonly instructions: string
  readonly examples?: readonly Example<string>[] | undefined
  /** The text to answer or rewrite. */
  readonly text: (input: I) => string
  /** Of the answer, on the device; the frontier may use twice as many. Default 160. */
  readonly maxTokens?: number | undefined
  /** Default: `notEmpty`, `noPlaceholders`, `noRefusal`, `endsProperly`. */
  readonly checks?: readonly Check<I, Text>[] | undefined
  /** Default: greedy, with a repetition penalty of 1.1 against loops. */
  readonly sampling?: Sampling | undefined
}

const SAMPLING: Sampling = { repetitionPenalty: 1.1 }

/**
 * Text in, text out, judged by checks before anybody sees it. Device rung `write`, with one repair pass.
 * @throws UsageError `invalid-option`
 */
export function draft<I>(options: DraftOptions<I>): Task<I, Text> {
  const { instructions, examples = [], text, maxTokens = 160, sampling = SAMPLING } = options
  const checks = options.checks ?? [notEmpty(), noPlaceholders(), noRefusal(), endsProperly()]
  const ask = (input: I): readonly ChatMessage[] => [
    { role: 'system', content: instructions },
    ...examples.flatMap(({ input, output }): ChatMessage[] => [
      { role: 'user', content: input },
      { role: 'assistant', content: output },
    ]),
    { role: 'user', content: text(input) },
  ]
  const write = writeRung<I>({ id: 'write', summary: 'Text by the language model', messages: ask, maxTokens, sampling })
  const rung: Rung<I> = {
    ...write,
    repair: (input, { text: written }: Draft, problem, context) =>
      writeRung<I>({
        ...write,
        messages: () => [
          ...ask(input),
          { role: 'assistant', content: written },
          { role: 'user', content: `That cannot be sent: ${problem}. Write it again without that.` },
        ],
        maxTokens,
        sampling,
        repaired: 1,
      }).answer(input, context),
  }
  return defineTask({
    ...options,
    checks,
    output: TEXT_SCHEMA,
    rungs: [rung],
    frontier: { messages: ask, maxTokens: 2 * maxTokens, parse: readText },
    prompt: { instructions, examples, maxTokens, sampling, checks: checks.map(({ name }) => name) },
  })
}
