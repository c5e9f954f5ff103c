import type { Site } from './site.ts'

/** What a figure must reach. `of`: the figure itself, or its ratio to the peer's. */
export type Bar = { readonly of: 'ours' | 'ratio' } & (
  | { readonly atMost: number; readonly atLeast?: never }
  | { readonly atLeast: number; readonly atMost?: never }
)

/** One measured figure. */
export interface Result {
  /** The benchmark's name, as in the table of bars. */
  readonly name: string
  readonly metric: string
  readonly unit: string
  readonly ours: number
  readonly peer?: number | undefined
  readonly peerName?: string | undefined
  /** How many times better than the peer: above 1 is better, whatever the unit. */
  readonly ratio?: number | undefined
  /** How many measurements the figure is the median of. */
  readonly runs: number
  readonly bar?: Bar | undefined
  /** The single measurements, in the order they were made. */
  readonly samples?: { readonly ours: readonly number[]; readonly peer?: readonly number[] | undefined } | undefined
  readonly note?: string | undefined
}

export interface BenchContext {
  /** How many runs were asked for; each benchmark has a default of its own. */
  readonly runs: number | undefined
  /** The bench pages, built and served, with a browser. Made at the first call. */
  readonly site: () => Promise<Site>
  readonly log: (line: string) => void
}

export interface Bench {
  readonly name: string
  readonly unit: string
  /** One line for `--help`: what it measures, against what. */
  readonly summary: string
  readonly run: (context: BenchContext) => Promise<readonly Result[]>
}
