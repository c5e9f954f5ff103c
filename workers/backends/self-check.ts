import { EngineError } from '../../src/errors/engine-error.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import type { Decoder, KvCache } from './decoder.ts'
import { summarise } from './signals.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Any text will do; it is long enough that attention over several tiles is used. */
const TEXT = 'The quick brown fox jumps over the lazy dog, and then one two three four five six seven eight nine ten eleven twelve.'

/** Steps of this size take other kernels than a whole prompt, kernels that were right on every adapter seen so far. */
const SMALL_STEP = 4

/** Nats. Rounding differences of fp16 stay under a hundredth; the wrong kernels seen gave whole nats. */
const MOST_DIVERGENCE = 0.05

/**
 * Runs one short prompt twice, at once and in small steps, and compares what the model would say next. The two ways use
 * different kernels, and their answers are equal by definition; an adapter on which they differ computes something wrong.
 * Needs no stored answer, so it works for any model. Throws EngineError (`self-check-failed`), AbortError.
 */
export async function selfCheck<Cache extends KvCache>(
  decoder: Decoder<Cache>,
  tokenizer: Tokenizer,
  { breathe, signal }: { readonly breathe: () => Promise<void>; readonly signal: AbortSignal },
): Promise<void> {
  const tokens = tokenizer.encode(TEXT)
  const atOnce = await inSteps(tokens.length)
  const bySteps = await inSteps(SMALL_STEP)
  const divergence = symmetricDivergence(atOnce, bySteps)
  if (divergence <= MOST_DIVERGENCE) return
  throw new EngineError(
    'self-check-failed',
    'This GPU computes the model wrongly: a prompt run at once and in steps gave different answers.',
    {
      details: { divergence: Number.isFinite(divergence) ? divergence : 'not a number', tokens: tokens.length },
    },
  )

  async function inSteps(size: number): Promise<Float32Array> {
    let cache: Cache | undefined
    try {
      for (let from = 0; ; from += size) {
        throwIfAborted(signal)
        const step = await decoder.run(tokens.slice(from, from + size), cache, 1)
        cache?.dispose()
        cache = step.cache
        if (from + size >= tokens.length) return step.logits
        await breathe()
      }
    } finally {
      cache?.dispose()
    }
  }
}

/** KL(p, q) + KL(q, p) of two rows of logits, nats; NaN where a logit is not a number. */
export function symmetricDivergence(a: Float32Array, b: Float32Array): number {
  const logZa = summarise(a).logSumExp
  const logZb = summarise(b).logSumExp
  let sum = 0
  for (let i = 0; i < a.length; i += 1) {
    const la = (a[i] ?? NaN) - logZa
    const lb = (b[i] ?? NaN) - logZb
    sum += (Math.exp(la) - Math.exp(lb)) * (la - lb)
  }
  return sum
}
