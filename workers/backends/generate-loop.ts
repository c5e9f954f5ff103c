import type { GenerateRequest } from '../../src/contracts/engine.ts'
import type { FinishReason, Part, Source } from '../../src/contracts/part.ts'
import { EngineError } from '../../src/errors/engine-error.ts'
import { UsageError } from '../../src/errors/usage-error.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import type { Decoder, KvCache } from './decoder.ts'
import type { PrefixCache } from './prefix-cache.ts'
import { createSampler } from './sampling.ts'
import { SignalTotals, summarise, tokenSignals } from './signals.ts'
import { StopFilter, TextStream } from './text-stream.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface Loop<Cache extends KvCache> {
  readonly decoder: Decoder<Cache>
  readonly tokenizer: Tokenizer
  /** Ids that end the model's turn. */
  readonly stops: ReadonlySet<number>
  readonly contextLength: number
  readonly source: Source
  /** Lets waiting messages in, a cancel among them: between two steps the engine never gives the thread away by itself. */
  readonly breathe: () => Promise<void>
  /** Caches of earlier prompts, so that a prompt that begins as one of them is not run from its start. */
  readonly prefix: PrefixCache<Cache>
  /** How many prompt tokens are run in one step: the prefix cache's block, where it has one. */
  readonly prefillChunk: number
}

/**
 * Runs all prompt tokens but those in the cache, in pieces, so that a cancel does not wait for all of a long prompt.
 * `logits` are those of the last token.
 */
export async function prefill<Cache extends KvCache>(
  loop: Pick<Loop<Cache>, 'decoder' | 'breathe' | 'prefillChunk'>,
  tokens: readonly number[],
  past: Cache | undefined,
  signal: AbortSignal,
): Promise<{ readonly logits: Float32Array; readonly cache: Cache }> {
  let cache = past
  try {
    for (;;) {
      throwIfAborted(signal)
      const from = cache?.length ?? 0
      const step = await loop.decoder.run(tokens.slice(from, from + loop.prefillChunk), cache, 1)
      cache?.dispose()
      cache = step.cache
      await loop.breathe()
      if (cache.length >= tokens.length) return { logits: step.logits, cache }
    }
  } catch (error) {
    cache?.dispose()
    throw error
  }
}

/** Throws EngineError (`context-overflow`) where prompt and answer do not fit the model. */
export function checkContext(promptTokens: number, answerTokens: number, contextLength: number): void {
  if (promptTokens === 0) throw new UsageError('invalid-input', 'The prompt is empty.')
  if (promptTokens + answerTokens <= contextLength) return
  throw new EngineError(
    'context-overflow',
    `The prompt has ${promptTokens} tokens and the answer may have ${answerTokens}; together this model takes ${contextLength}. Shorten one of them.`,
    { details: { promptTokens, maxTokens: answerTokens, contextLength } },
  )
}

/**
 * Generates token by token and hands out parts: text as it is certain, signals for each token (the one that ends the turn
 * included), then `finish`.
 * Throws EngineError, UsageError, AbortError; `finish` is given out only for an answer that came to its end.
 */
export async function generate<Cache extends KvCache>(
  loop: Loop<Cache>,
  prompt: readonly number[],
  request: GenerateRequest,
  emit: (part: Part) => void,
  signal: AbortSignal,
): Promise<void> {
  const { decoder, tokenizer, source } = loop
  if (!Number.isInteger(request.maxTokens) || request.maxTokens < 1) {
    throw new UsageError('invalid-option', `maxTokens must be an integer of 1 or more, and is ${request.maxTokens}.`)
  }
  checkContext(prompt.length, request.maxTokens, loop.contextLength)
  const sampler = createSampler(request.sampling)
  const text = new TextStream(tokenizer)
  const stopFilter = new StopFilter(request.stop ?? [])
  const totals = new SignalTotals()
  const seen = new Set(prompt)
  const generated: number[] = []
  let completion = 0
  let reason: FinishReason = 'length'
  let { logits, cache } = await prefill(loop, prompt, loop.prefix.take(prompt), signal)

  const show = (piece: string): boolean => {
    const { text: safe, stopped } = stopFilter.push(piece)
    if (safe.length > 0) emit({ type: 'delta', source, text: safe })
    return stopped
  }

  try {
    for (;;) {
      const summary = summarise(logits)
      const token = sampler(logits, summary, seen)
      completion += 1
      const signals = tokenSignals(token, logits, summary)
      totals.add(signals)
      emit({ type: 'signals', source, tokens: [signals] })
      if (loop.stops.has(token)) {
        reason = 'stop'
        break
      }
      if (show(text.push(token))) {
        reason = 'stop-string'
        break
      }
      if (completion === request.maxTokens) break
      seen.add(token)
      await loop.breathe()
      throwIfAborted(signal)
      const step = await decoder.run([token], cache, 1)
      cache.dispose()
      ;({ logits, cache } = step)
      generated.push(token)
    }
  } finally {
    loop.prefix.put(prompt, generated, cache)
  }

  if (reason !== 'stop-string') {
    if (show(text.end())) reason = 'stop-string'
    const rest = stopFilter.end()
    if (rest.length > 0) emit({ type: 'delta', source, text: rest })
  }
  emit({
    type: 'finish',
    source,
    reason,
    usage: { promptTokens: prompt.length, completionTokens: completion },
    signals: totals.answer,
  })
}
