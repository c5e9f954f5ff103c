import { defineTask, type ChatMessage, type Part, type Task } from 'transaxle'
import * as v from 'valibot'

export interface FreeText {
  readonly messages: readonly ChatMessage[]
  readonly maxTokens: number
}

const INPUT: v.GenericSchema<unknown, FreeText> = v.object({
  messages: v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
  maxTokens: v.number(),
})
const OUTPUT: v.GenericSchema<unknown, string> = v.string()

/** A task that is one generation and nothing else: no checks, no calibrator, no cache. `onPart` sees the engine's parts as they come. */
export function freeText(onPart: (part: Part) => void = () => {}): Task<FreeText, string> {
  return defineTask({
    name: 'free-text',
    version: 1,
    input: INPUT,
    output: OUTPUT,
    prompt: {},
    whenUnknown: 'keep',
    whenUnreachable: ['keep'],
    cacheable: false,
    streams: true,
    rungs: [
      {
        id: 'generate',
        kind: 'generator',
        summary: 'The language model',
        async answer({ messages, maxTokens }, { generator, signal, onText }) {
          let text = ''
          let usage = { promptTokens: 0, completionTokens: 0 }
          for await (const part of generator.generate({ prompt: { messages }, maxTokens }, { signal })) {
            onPart(part)
            if (part.type === 'error') throw new Error(part.error.message)
            if (part.type === 'finish') ({ usage } = part)
            if (part.type !== 'delta') continue
            text += part.text
            onText(part.text)
          }
          return { parsed: { ok: true, value: text }, text, signals: {}, usage }
        },
      },
    ],
    frontier: { messages: ({ messages }) => messages, maxTokens: 1, parse: (text) => ({ ok: true, value: text }) },
  })
}
