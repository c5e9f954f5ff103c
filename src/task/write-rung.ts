import type { ChatMessage, Sampling } from '../contracts/engine.ts'
import type { Draft, Rung } from '../contracts/task.ts'

export interface WriteRungOptions<I> {
  readonly id: string
  readonly summary: string
  readonly messages: (input: I, history: readonly ChatMessage[]) => readonly ChatMessage[]
  readonly maxTokens: number
  readonly sampling?: Sampling | undefined
  readonly repaired?: 0 | 1 | undefined
}

/** A rung that writes: the text as it comes, with the answer's token signals, `repaired`, and `cut` where it ran into `maxTokens`. */
export function writeRung<I>(options: WriteRungOptions<I>): Rung<I> {
  const { id, summary, messages, maxTokens, sampling, repaired = 0 } = options
  return {
    id,
    kind: 'generator',
    summary,
    async answer(input, context) {
      const prompt = { messages: messages(input, context.history) }
      const { generate } = await import('./generate.ts')
      const made = await generate(context, { prompt, maxTokens, sampling }, (piece) => context.onText(piece))
      return {
        parsed: readText(made.text),
        text: made.text,
        signals: { ...made.signals, repaired, cut: Number(made.reason === 'length') },
        usage: made.usage,
      }
    },
  }
}

/** A text as the value `{ text }`. */
export function readText(text: string): Draft['parsed'] {
  const trimmed = text.trim()
  return trimmed === '' ? { ok: false, problem: 'the answer is empty' } : { ok: true, value: { text: trimmed } }
}
