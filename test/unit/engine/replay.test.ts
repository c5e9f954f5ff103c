import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Part, Source } from '../../../src/contracts/part.ts'
import { Replay } from '../../../src/engine/replay.ts'

const source: Source = { where: 'device', model: 'm' }
const delta = (text: string): Part => ({ type: 'delta', source, text })
const signals = (...tokens: number[]): Part => ({
  type: 'signals',
  source,
  tokens: tokens.map((token) => ({ token, logprob: -1, entropy: 1, margin: 1 })),
})
const START: Part = { type: 'start', source, id: '1' }
const FINISH: Part = { type: 'finish', source, reason: 'stop', usage: { promptTokens: 1, completionTokens: 1 } }

function play(...runs: readonly (readonly Part[])[]): Part[] {
  const replay = new Replay()
  return runs.flatMap((run) => {
    replay.restart()
    return run.flatMap((part) => replay.next(part) ?? [])
  })
}

/** A text as deltas that are cut at the given places, each followed by as many token signals as it has characters. */
function cutUp(text: string, cuts: readonly number[]): Part[] {
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
  return places.slice(1).flatMap((end, i) => {
    const start = places[i] ?? 0
    return [delta(text.slice(start, end)), signals(...Array.from({ length: end - start }, (_, at) => start + at))]
  })
}

const textOf = (parts: readonly Part[]): string => parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
const tokensOf = (parts: readonly Part[]): number[] =>
  parts.flatMap((part) => (part.type === 'signals' ? part.tokens.map(({ token }) => token) : []))

describe('replay', () => {
  test('a run that was broken anywhere, and its replay cut up anyhow, give the text and the signals once', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 6 })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), cuts, cuts, fc.nat(), (text, first, second, lived) => {
        const run = [START, ...cutUp(text, first)]
        const parts = play(run.slice(0, lived % (run.length + 1)), [START, ...cutUp(text, second), FINISH])
        expect(textOf(parts)).toBe(text)
        expect(tokensOf(parts)).toEqual(Array.from({ length: text.length }, (_, i) => i))
        expect(parts.filter(({ type }) => type === 'start')).toHaveLength(1)
        expect(parts.at(-1)).toEqual(FINISH)
      }),
    )
  })

  test('a replay that differs, or ends too early, is an error; nothing comes after it', () => {
    const error = { type: 'error', error: { code: 'worker-died', retryable: true } }
    const other = play([START, delta('ab')], [START, delta('aX'), delta('c'), FINISH])
    expect(other.slice(0, -1)).toEqual([START, delta('ab')])
    expect(other.at(-1)).toMatchObject(error)
    const short = play([START, delta('ab')], [START, delta('a'), FINISH, FINISH])
    expect(short).toHaveLength(3)
    expect(short.at(-1)).toMatchObject(error)
  })

  test('an error of the worker is the last part', () => {
    const failed: Part = { type: 'error', source, error: { code: 'device-lost', message: 'gone', retryable: true } }
    expect(play([START, failed, delta('x'), FINISH])).toEqual([START, failed])
  })
})
