import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { watch } from '../../../src/engine/watchdog.ts'

const never = new Promise<never>(() => undefined)

describe('watch', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('gives the result, or the error', async () => {
    expect(await watch('x', 10, undefined, () => Promise.resolve(1))).toBe(1)
    await expect(watch('x', 10, undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('times out without a sign of life, and tells the work to stop', async () => {
    let beat: () => void = () => undefined
    let stopped: AbortSignal | undefined
    const result = watch('x', 100, undefined, (alive, stop) => {
      beat = alive
      stopped = stop
      return never
    })
    const settled = expect(result).rejects.toMatchObject({ name: 'TimeoutError', details: { phase: 'x', milliseconds: 100 } })
    vi.advanceTimersByTime(90)
    beat()
    vi.advanceTimersByTime(90)
    expect(stopped?.aborted).toBe(false)
    vi.advanceTimersByTime(10)
    await settled
    expect(stopped?.aborted).toBe(true)
    beat()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('an abort is another error, and one before the start starts nothing', async () => {
    const caller = new AbortController()
    const settled = expect(watch('x', Infinity, caller.signal, () => never)).rejects.toMatchObject({ name: 'AbortError' })
    caller.abort()
    await settled
    const work = vi.fn(() => never)
    await expect(watch('x', 100, caller.signal, work)).rejects.toMatchObject({ name: 'AbortError' })
    expect(work).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
