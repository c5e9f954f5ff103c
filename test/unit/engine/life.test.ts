import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Life, LifeAction } from '../../../src/engine/life.ts'
import { NEW_LIFE, nextLife } from '../../../src/engine/life.ts'

const LIMITS = { maxDeaths: 3, deathWindow: 1000 }
const live = (...actions: LifeAction[]): Life => actions.reduce((life, action) => nextLife(life, action, LIMITS), NEW_LIFE)

describe('the life of a worker', () => {
  test('start, ready, and idle again when it is stopped', () => {
    expect(live({ type: 'start' })).toMatchObject({ phase: 'starting' })
    expect(live({ type: 'start' }, { type: 'ready' })).toMatchObject({ phase: 'running' })
    expect(live({ type: 'start' }, { type: 'ready' }, { type: 'stopped' })).toEqual(NEW_LIFE)
  })

  test('three deaths within the window break it; a start does not mend that, a load does', () => {
    const broken: LifeAction[] = [1, 2, 3].map((at) => ({ type: 'died', at }))
    expect(live(...broken)).toEqual({ phase: 'broken', deaths: [1, 2, 3] })
    expect(live(...broken, { type: 'start' })).toMatchObject({ phase: 'broken' })
    expect(live(...broken, { type: 'forgive' })).toEqual(NEW_LIFE)
  })

  test('old deaths no longer count', () => {
    expect(live({ type: 'died', at: 0 }, { type: 'died', at: 1 }, { type: 'died', at: 1000 })).toEqual({
      phase: 'idle',
      deaths: [1, 1000],
    })
  })

  test('closed is the end', () => {
    const action = fc.oneof(
      fc.constantFrom<LifeAction>(
        { type: 'start' },
        { type: 'ready' },
        { type: 'stopped' },
        { type: 'forgive' },
        { type: 'close' },
      ),
      fc.nat().map((at): LifeAction => ({ type: 'died', at })),
    )
    fc.assert(
      fc.property(fc.array(action), fc.array(action), (before, after) => {
        expect(live(...before, { type: 'close' }, ...after)).toEqual({ phase: 'closed' })
      }),
    )
  })
})
