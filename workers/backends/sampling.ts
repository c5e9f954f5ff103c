import type { Sampling } from '../../src/contracts/engine.ts'
import { UsageError } from '../../src/errors/usage-error.ts'
import { seededRandom } from '../../src/utils/random.ts'
import type { LogitSummary } from './signals.ts'

/** Takes a token from raw logits, which it never changes. `seen` are the ids of the prompt and the answer so far. */
export type Sampler = (logits: Float32Array, summary: LogitSummary, seen: ReadonlySet<number>) => number

/**
 * A sampler for the request's settings, applied in the order of Hugging Face's generate: repetition penalty, temperature,
 * top-k, top-p. Without a seed each call draws its own from `random`. Throws UsageError (`invalid-option`).
 */
export function createSampler(sampling: Sampling = {}, random: () => number = Math.random): Sampler {
  const { temperature = 0, topK = 0, topP = 1, repetitionPenalty = 1 } = sampling
  check(temperature >= 0 && Number.isFinite(temperature), `temperature must be 0 or more, and is ${temperature}.`)
  check(Number.isInteger(topK) && topK >= 0, `topK must be an integer of 0 or more, and is ${topK}.`)
  check(topP > 0 && topP <= 1, `topP must be in (0, 1], and is ${topP}.`)
  check(
    repetitionPenalty >= 1 && Number.isFinite(repetitionPenalty),
    `repetitionPenalty must be 1 or more, and is ${repetitionPenalty}.`,
  )
  if (temperature === 0 && repetitionPenalty === 1) return (_logits, summary) => summary.top

  const draw = seededRandom(sampling.seed ?? Math.floor(random() * 2 ** 32))
  return (logits, _summary, seen) => {
    const scores = repetitionPenalty === 1 ? logits : penalise(logits, seen, repetitionPenalty)
    if (temperature === 0) return argmax(scores)
    return sample(scores, temperature, topK, topP, draw())
  }
}

/** Keskar et al. 2019, CTRL, section 4.1, in the form in use: positive logits are divided, negative ones multiplied. */
function penalise(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): Float32Array {
  const scores = logits.slice()
  for (const token of seen) {
    const value = scores[token]
    if (value !== undefined) scores[token] = value > 0 ? value / penalty : value * penalty
  }
  return scores
}

function sample(scores: Float32Array, temperature: number, topK: number, topP: number, at: number): number {
  const best = scores[argmax(scores)] ?? 0
  const weights = new Float64Array(scores.length)
  let total = 0
  for (let i = 0; i < scores.length; i += 1) {
    const weight = Math.exp(((scores[i] ?? -Infinity) - best) / temperature)
    weights[i] = weight
    total += weight
  }
  if (topK === 0 && topP === 1) return pick(undefined, weights, at * total)

  // most tokens cannot be taken: sort only as many of the heaviest as hold the top k or the nucleus
  let order: number[] = []
  for (const cutoff of [1e-2, 1e-4, 1e-8, 0]) {
    order = heavier(weights, cutoff)
    if (topK > 0 ? order.length >= topK : massOf(order, weights) >= topP * total) break
  }
  order.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0))
  if (topK > 0) order.length = Math.min(order.length, topK)
  const kept = topK > 0 ? massOf(order, weights) : total
  let nucleus = 0
  for (let i = 0; i < order.length; i += 1) {
    nucleus += weights[order[i] ?? 0] ?? 0
    if (nucleus >= topP * kept) {
      order.length = i + 1
      break
    }
  }
  return pick(order, weights, at * massOf(order, weights))
}

function massOf(tokens: readonly number[], weights: Float64Array): number {
  return tokens.reduce((sum, token) => sum + (weights[token] ?? 0), 0)
}

function heavier(weights: Float64Array, than: number): number[] {
  const tokens: number[] = []
  for (let i = 0; i < weights.length; i += 1) if ((weights[i] ?? 0) >= than) tokens.push(i)
  return tokens
}

/** The token at which the running sum of weights passes `target`. */
function pick(order: readonly number[] | undefined, weights: Float64Array, target: number): number {
  const length = order?.length ?? weights.length
  let sum = 0
  let last = 0
  for (let i = 0; i < length; i += 1) {
    const token = order?.[i] ?? i
    const weight = weights[token] ?? 0
    if (weight === 0) continue
    last = token
    sum += weight
    if (sum > target) break
  }
  return last
}

function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i += 1) if ((values[i] ?? -Infinity) > (values[best] ?? -Infinity)) best = i
  return best
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new UsageError('invalid-option', message)
}
