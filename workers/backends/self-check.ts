import { EngineError } from '../../src/errors/engine-error.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import type { Decoder, KvCache } from './decoder.ts'
import { summarise } from './signals.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Any text will do, if it is long enough in every tokenizer: the fault that is known shows from 32 tokens on. */
const TEXT =
  'The quick brown fox jumps over the lazy dog, and the lazy dog sleeps on. In the morning the fox comes back with two friends, ' +
  'three apples and four good reasons to wake up; but the dog, who is old, has heard five better ones, and turns over on its side.'
const TOKENS = 40

/** Steps this short take other kernels, which were right on the adapter that has the fault. */
const STEP = 20

/** Nats. Rounding differences stay under a hundredth (q4 on a sound device: 1e-11); the wrong kernels that are known gave 0.57. */
const MOST_DIVERGENCE = 0.05

/**
 * Runs one short prompt twice, at once and in two steps, and compares what the model would say next. The two ways use
 * different kernels, and their answers are equal by definition; an adapter on which they differ computes something wrong.
 * Needs no stored answer, so it works for any model. Throws EngineError (`self-check-failed`), AbortError.
 */
export async function selfCheck<Cache extends KvCache>(
  decoder: Decoder<Cache>,
  tokenizer: Tokenizer,
  { breathe, signal }: { readonly breathe: () => Promise<void>; readonly signal: AbortSignal },
): Promise<void> {
  const tokens = tokenizer.encode(TEXT).slice(0, TOKENS)
  const atOnce = await inSteps(tokens.length)
  const bySteps = await inSteps(STEP)
  const divergence = symmetricDivergence(atOnce, bySteps)
  if (divergence <= MOST_DIVERGENCE) return
  throw new EngineError(
    'self-check-failed',
    'This GPU computes the model wrongly: a prompt run at once and in two steps gave different answers.',
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
