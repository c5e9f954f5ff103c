/** Where requests would settle at a threshold, from scores that are known. Pure: the slider calls it at every step. */

/** What one rung made of one message. */
export interface Judged {
  /** The chance that it is wrong; undefined where no calibrator fits yet. */
  readonly score: number | undefined
  readonly label: string
}

/** What is known of one message so far. */
export interface Sample {
  readonly encoder?: Judged | undefined
  readonly generator?: Judged | undefined
}

/** `next`: the encoder is not sure, and what the language model would say is not known yet. `unread`: no score at all. */
export type Place = 'encoder' | 'generator' | 'next' | 'frontier' | 'unread'

/** One number for each rung: a target comes out differently for each. */
export interface Limits {
  readonly encoder: number
  readonly generator: number
}

export interface Split {
  readonly places: Readonly<Record<Place, number>>
  readonly total: number
}

/** `generatorReady`: whether the language model is there to be asked. */
export function placeOf(sample: Sample, limits: Limits, generatorReady: boolean): Place {
  const { encoder, generator } = sample
  if (encoder?.score === undefined) return 'unread'
  if (encoder.score <= limits.encoder) return 'encoder'
  if (!generatorReady) return 'frontier'
  if (generator === undefined) return 'next'
  // An answer that nobody can judge goes out, as the task says.
  return generator.score !== undefined && generator.score <= limits.generator ? 'generator' : 'frontier'
}

export function splitAt(samples: Iterable<Sample>, limits: Limits, generatorReady: boolean): Split {
  const places = { encoder: 0, generator: 0, next: 0, frontier: 0, unread: 0 }
  let total = 0
  for (const sample of samples) {
    places[placeOf(sample, limits, generatorReady)] += 1
    total += 1
  }
  return { places, total }
}

/** A sample whose right answer is known. */
export interface Labelled {
  readonly sample: Sample
  readonly truth: string
}

export interface RiskPoint {
  readonly threshold: number
  /** Share of requests that stay on the device. */
  readonly kept: number
  /** Share of wrong answers among those. */
  readonly wrong: number
  readonly keptCount: number
  readonly wrongCount: number
}

/** What stays on the device at a threshold, and how much of it is wrong. Undefined where no sample has a score. */
export function riskAt(labelled: readonly Labelled[], limits: Limits, generatorReady: boolean): RiskPoint | undefined {
  let known = 0
  let keptCount = 0
  let wrongCount = 0
  for (const { sample, truth } of labelled) {
    const place = placeOf(sample, limits, generatorReady)
    if (place === 'unread') continue
    known += 1
    const label = place === 'encoder' ? sample.encoder?.label : place === 'generator' ? sample.generator?.label : undefined
    if (label === undefined) continue
    keptCount += 1
    if (label !== truth) wrongCount += 1
  }
  if (known === 0) return undefined
  return {
    threshold: limits.encoder,
    kept: keptCount / known,
    wrong: keptCount === 0 ? 0 : wrongCount / keptCount,
    keptCount,
    wrongCount,
  }
}

/** The risk-coverage curve (El-Yaniv & Wiener 2010): one point for each threshold at which something changes, fewest kept first. */
export function riskCurve(labelled: readonly Labelled[], generatorReady: boolean): readonly RiskPoint[] {
  const scores = labelled.flatMap(({ sample: { encoder, generator } }) => [
    ...(encoder?.score === undefined ? [] : [encoder.score]),
    ...(generatorReady && generator?.score !== undefined ? [generator.score] : []),
  ])
  return [...new Set(scores)]
    .sort((a, b) => a - b)
    .flatMap((threshold) => riskAt(labelled, { encoder: threshold, generator: threshold }, generatorReady) ?? [])
    .filter(({ keptCount }) => keptCount > 0)
}
