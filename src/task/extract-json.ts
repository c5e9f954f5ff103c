import type { ChatMessage, Prompt } from '../contracts/engine.ts'
import type { Draft, Rung, RungContext } from '../contracts/task.ts'
import type { ExtractRungOptions } from './extract.ts'
import { groundingSignals } from './extract-signals.ts'
import { generate } from './generate.ts'

/**
 * The object as one text, for schemas of any shape: the examples as earlier turns, greedy, the answer begun with its first key and
 * stopped when its object closes; one repair pass that is told what was wrong.
 */
export function jsonRung<I, O>(options: ExtractRungOptions<I, O>): Required<Pick<Rung<I>, 'answer' | 'repair'>> {
  const { keys, output, text, instructions, examples, maxTokens, parse } = options
  // Begun up to the end of the first key: there the text's tokens are the same as in the examples.
  const prefill = `{"${keys[0] ?? ''}`

  async function answer(messages: readonly ChatMessage[], source: string, repaired: 0 | 1, context: RungContext): Promise<Draft> {
    const prompt: Prompt = { messages, prefill }
    const complete = (written: string): boolean => parse(prefill + written).ok
    const made = await generate(context, { prompt, maxTokens, stop: ['\n'] }, (piece) => context.onText(piece), complete)
    const written = prefill + made.text
    const parsed = parse(written)
    const valid = parsed.ok && (await output['~standard'].validate(parsed.value)).issues === undefined
    const grounding = groundingSignals(parsed.ok ? parsed.value : undefined, source, options.enums)
    return { parsed, text: written, signals: { ...made.signals, valid: Number(valid), repaired, ...grounding }, usage: made.usage }
  }

  const ask = (input: I): readonly ChatMessage[] => [
    { role: 'system', content: instructions },
    ...examples.flatMap(({ input, output }): ChatMessage[] => [
      { role: 'user', content: input },
      { role: 'assistant', content: JSON.stringify(output) },
    ]),
    { role: 'user', content: text(input) },
  ]
  return {
    answer: (input, context) => answer(ask(input), text(input), 0, context),
    repair: (input, draft, problem, context) =>
      answer(
        [
          ...ask(input),
          { role: 'assistant', content: draft.text },
          { role: 'user', content: `That is wrong: ${problem}. Answer again with the corrected JSON for the last message.` },
        ],
        text(input),
        1,
        context,
      ),
  }
}
