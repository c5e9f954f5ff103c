import type { Signals } from '../contracts/signals.ts'
import type { Rung, RungContext } from '../contracts/task.ts'
import type { Label } from './label.ts'
import { fitSoftmaxHead, softmax, type SoftmaxHead } from './softmax-head.ts'

/** Neighbours that `neighbourSimilarity` looks at. */
const NEIGHBOURS = 3

interface Fitted {
  readonly head: SoftmaxHead
  readonly vectors: readonly Float32Array[]
  /** The class of each vector. */
  readonly classes: readonly number[]
}

/** Rung `head`: softmax regression over encoder embeddings, fitted on the labels' examples when it is first needed. */
export function headRung<I>(labels: readonly Label[], text: (input: I) => string): Pick<Rung<I>, 'answer'> {
  async function fit({ encoder }: RungContext): Promise<Fitted> {
    const vectors = await encoder.embed(labels.flatMap(({ examples }) => examples))
    const classes = labels.flatMap(({ examples }, label) => examples.map(() => label))
    return { vectors, classes, head: await fitSoftmaxHead(vectors, classes, { classes: labels.length }) }
  }

  return {
    async answer(input, context) {
      const fitted = await context.remember('head', () => fit(context))
      const [vector] = await context.encoder.embed([text(input)], { signal: context.signal })
      if (vector === undefined) throw new RangeError('The encoder gave no vector for a text.')
      const logits = fitted.head.logits(vector)
      const top = logits.indexOf(Math.max(...logits))
      const label = labels[top]?.id ?? ''
      return {
        parsed: { ok: true, value: { label } },
        text: label,
        signals: headSignals(logits, top, vector, fitted),
        // An encoder reports no token counts.
        usage: { promptTokens: 0, completionTokens: 0 },
      }
    },
  }
}

/**
 * `topProbability`, `headMargin` (logit of the first less that of the second), `headEntropy` (nats), `topLogit`, and cosine similarities:
 * `neighbourSimilarity`, the mean over the nearest examples of the predicted class, and `nearestSimilarity` over all examples.
 */
function headSignals(logits: readonly number[], top: number, vector: Float32Array, { vectors, classes }: Fitted): Signals {
  const probabilities = softmax(logits)
  const topLogit = logits[top] ?? 0
  const second = Math.max(...logits.filter((_, i) => i !== top))
  const similarities = vectors.map((example) => example.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0))
  const own = similarities
    .filter((_, i) => classes[i] === top)
    .sort((a, b) => b - a)
    .slice(0, NEIGHBOURS)
  return {
    topProbability: probabilities[top] ?? 0,
    headMargin: topLogit - second,
    headEntropy: entropy(probabilities),
    topLogit,
    neighbourSimilarity: own.reduce((sum, value) => sum + value, 0) / Math.max(1, own.length),
    nearestSimilarity: Math.max(...similarities),
  }
}

/** Shannon entropy in nats. */
export function entropy(probabilities: readonly number[]): number {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0)
}
