import type { ErrorShape } from '../../../src/contracts/error-shape.ts'

/** What the scripted worker does with a call. It goes in as JSON in the prompt's text, or in the first of the texts to embed. */
export interface Script {
  readonly words?: readonly string[] | undefined
  /** After so many words (0: before the first) … */
  readonly after?: number | undefined
  /** … in these lives of the worker (all, if absent) … */
  readonly lives?: readonly number[] | undefined
  /**
   * … this happens. `close`: the worker ends itself. `throw`: an uncaught error. `reject`: the call throws. `hang`: no answer, but
   * cancel works. `deaf`: no answer, cancel or not. `spin`: the thread is blocked. `error`: a typed error. `silence`: the call
   * ends without a last part.
   */
  readonly fate?: 'close' | 'throw' | 'reject' | 'hang' | 'deaf' | 'spin' | 'error' | 'silence' | undefined
  readonly error?: ErrorShape | undefined
  /** Puts the number of the life into each word, so that a replay comes out different. */
  readonly unlike?: boolean | undefined
  /** Parts a batch. Default 1. */
  readonly batch?: number | undefined
}

/** Set in the name of a worker: which life it is, which wire version it speaks, and how it says hello and loads. */
export interface Life {
  readonly life: number
  readonly api: number
  readonly hello?: 'hang' | 'close' | undefined
  /** The error of loads on the backends named. */
  readonly failLoadOn?: readonly string[] | undefined
  /** First life whose loads fail. Default 1. */
  readonly failLoadFrom?: number | undefined
  readonly loadError?: ErrorShape | undefined
  readonly load?: 'close' | undefined
}

export function script(what: Script): string {
  return JSON.stringify(what)
}
