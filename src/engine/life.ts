/** Where a supervised worker is in its life. `deaths` are the times, in milliseconds, of the crashes that still count. */
export type Life =
  | { readonly phase: 'idle' | 'starting' | 'running' | 'broken'; readonly deaths: readonly number[] }
  | { readonly phase: 'closed' }

export type LifeAction =
  /** A worker is being made. */
  | { readonly type: 'start' }
  /** It said hello and, after a restart, has its model back. */
  | { readonly type: 'ready' }
  /** It ended by itself, at this time. */
  | { readonly type: 'died'; readonly at: number }
  /** It was ended from this side: it would not stop, its model was unloaded, or it could not be started. */
  | { readonly type: 'stopped' }
  /** Somebody asked for a load: old crashes are forgiven. */
  | { readonly type: 'forgive' }
  | { readonly type: 'close' }

/** So many crashes within so many milliseconds, and the worker is not started again until somebody loads. */
export interface LifeLimits {
  readonly maxDeaths: number
  readonly deathWindow: number
}

/** A new supervisor's state. */
export const NEW_LIFE: Life = { phase: 'idle', deaths: [] }

/** The next state. What is closed stays closed; a restart storm ends in `broken`. */
export function nextLife(life: Life, action: LifeAction, limits: LifeLimits): Life {
  if (life.phase === 'closed') return life
  switch (action.type) {
    case 'start':
      return life.phase === 'broken' ? life : { ...life, phase: 'starting' }
    case 'ready':
      return life.phase === 'starting' ? { ...life, phase: 'running' } : life
    case 'died': {
      const deaths = [...life.deaths.filter((at) => action.at - at < limits.deathWindow), action.at]
      return { phase: deaths.length >= limits.maxDeaths ? 'broken' : 'idle', deaths }
    }
    case 'stopped':
      return life.phase === 'broken' ? life : { ...life, phase: 'idle' }
    case 'forgive':
      return life.phase === 'broken' ? NEW_LIFE : { ...life, deaths: [] }
    case 'close':
      return { phase: 'closed' }
  }
}
