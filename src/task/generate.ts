import type { GenerateRequest } from '../contracts/engine.ts'
import type { FinishReason, Usage } from '../contracts/part.ts'
import type { Signals, TokenSignals } from '../contracts/signals.ts'
import type { RungContext } from '../contracts/task.ts'
import { EngineError } from '../errors/engine-error.ts'
import { fromShape } from '../errors/shape.ts'

export interface Generated {
  readonly text: string
  readonly reason: FinishReason
  /** The answer's condensed token signals and `promptTokens`; none of them where the engine has none. */
  readonly signals: Signals
  readonly usage: Usage
}

/**
 * One generation, read to its end.
 * @param ends says of the text so far whether the answer is complete; the generation is then stopped when more text comes
 * @throws the engine's typed error; EngineError `engine-failed` for a stream that ends without its last part
 */
export async function generate(
  { generator, signal }: RungContext,
  request: GenerateRequest,
  onText: (text: string) => void = () => {},
  ends: (text: string) => boolean = () => false,
): Promise<Generated> {
  const tokens: TokenSignals[] = []
  let text = ''
  for await (const part of generator.generate(request, { signal })) {
    if (part.type === 'error') throw fromShape(part.error)
    if (part.type === 'signals') tokens.push(...part.tokens)
    if (part.type === 'delta') {
      if (ends(text)) {
        // The count of tokens is that of the signals: the engine's own count comes with the part that is not waited for.
        const promptTokens = await generator.countTokens(request.prompt)
        return result(text, 'stop-string', { promptTokens, completionTokens: tokens.length }, condense(tokens))
      }
      text += part.text
      onText(part.text)
    }
    if (part.type === 'finish') return result(text, part.reason, part.usage, part.signals === undefined ? {} : { ...part.signals })
  }
  throw new EngineError('engine-failed', 'The generation ended without its last part.', { retryable: true })
}

function result(text: string, reason: FinishReason, usage: Usage, signals: Signals): Generated {
  return { text, reason, usage, signals: { ...signals, promptTokens: usage.promptTokens } }
}

/** Token signals as `AnswerSignals`. */
function condense(tokens: readonly TokenSignals[]): Signals {
  if (tokens.length === 0) return {}
  const mean = (pick: (token: TokenSignals) => number): number =>
    tokens.reduce((sum, token) => sum + pick(token), 0) / tokens.length
  return {
    tokens: tokens.length,
    meanLogprob: mean(({ logprob }) => logprob),
    minLogprob: Math.min(...tokens.map(({ logprob }) => logprob)),
    meanEntropy: mean(({ entropy }) => entropy),
    maxEntropy: Math.max(...tokens.map(({ entropy }) => entropy)),
    meanMargin: mean(({ margin }) => margin),
    minMargin: Math.min(...tokens.map(({ margin }) => margin)),
  }
}
