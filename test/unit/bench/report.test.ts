import { describe, expect, test } from 'vitest'

import { baselineOf, parseBaseline, regressions } from '../../../bench/eval/baseline.ts'
import { printReport } from '../../../bench/eval/print.ts'
import { calibratorFile, makeReport } from '../../../bench/eval/report.ts'
import { select } from '../../../bench/eval/run.ts'
import { createScorer } from '../../../src/confidence/scorer.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { cases, outcomes, task } from './fixtures.ts'

const options = { suite: 'sorting', price: { input: 2, output: 10 }, now: 1 }
const other = (label: string): string => (label === 'yes' ? 'no' : 'yes')

/** Right where it is sure, but for one in ten; wrong in one of four cases; invalid once in `test`. */
const head = outcomes('head', (i, expected) => {
  if (i === 1) return {}
  const wrong = i % 4 === 2 || i % 4 === 3 ? i % 10 < 5 : false
  return { label: wrong ? other(expected) : expected, sure: wrong ? 0.2 + (i % 5) / 50 : 0.8 - (i % 5) / 50 }
})
/** Always right where the head is wrong. */
const second = outcomes('few-shot', (_, expected) => ({ label: expected, sure: 0.9 }))

describe('report', () => {
  const report = makeReport([task], [...head, ...second], options)

  test('counts shares over all cases of a split, an invalid answer among the wrong', () => {
    const figures = report.rungs.find(({ rung, split }) => rung === 'head' && split === 'test')
    const ofTest = head.filter((_, i) => i % 2 === 1)
    const right = ofTest.filter(({ value }, i) => JSON.stringify(value) === JSON.stringify({ label: cases[2 * i + 1]?.expected }))
    expect(figures).toMatchObject({ cases: 30, valid: 29 / 30, problems: { label: 1 }, promptTokens: 10, completionTokens: 0 })
    expect(figures?.judged['exact']).toBeCloseTo(right.length / 30, 10)
    expect(figures?.p50).toBe(31)
  })

  test('fits on calibration alone: other answers on test change no calibrator', () => {
    const changed = head.map((outcome, i) =>
      i % 2 === 0 ? outcome : { ...outcome, value: { label: 'yes' }, signals: { sure: 0.1, other: 0 } },
    )
    const again = makeReport([task], [...changed, ...second], options)
    expect(calibratorFile(again)).toEqual(calibratorFile(report))
    expect(calibratorFile(report).calibrators[head[0]?.key ?? '']).toMatchObject({ version: 1, labels: 30, fittedAt: 1 })
  })

  test('says why nothing was fitted where all answers are right', () => {
    const rung = report.calibrations.find(({ rung }) => rung === 'few-shot')
    expect(rung?.calibration).toMatchObject({ fitted: false })
    expect(Object.keys(calibratorFile(report).calibrators)).toEqual([head[0]?.key])
  })

  test('the runtime takes the exported calibrators and gives the same scores', async () => {
    const scorer = createScorer({ store: createMemoryStore(), threshold: 0.2, now: () => 2 })
    await scorer.importCalibrators(JSON.parse(JSON.stringify(calibratorFile(report))))
    const sure = await scorer.score(head[0]?.key ?? '', { sure: 0.8, other: 3 })
    const unsure = await scorer.score(head[0]?.key ?? '', { sure: 0.2, other: 3 })
    if (!sure.known || !unsure.known) throw new Error('A score is unknown.')
    expect(sure.value).toBeLessThan(0.2)
    expect(unsure.value).toBeGreaterThan(0.5)
  })

  test('says what the second rung adds on calibration', () => {
    const [opinion] = report.secondOpinions
    const wrong = head.filter((outcome, i) => i % 2 === 0 && !task.judge(outcome.value, outcome.case)['exact']).length
    expect(opinion).toEqual({
      task: 'sort',
      first: 'head',
      second: 'few-shot',
      firstWrong: wrong,
      secondRightThere: wrong,
      firstRight: 30 - wrong,
      secondWrongThere: 0,
    })
  })

  test('settles the test cases by rung, threshold and price', () => {
    const alone = report.ladders.find(({ rungs }) => rungs.join() === 'head')
    const at = (threshold: string): NonNullable<typeof alone>['figures'][number] | undefined =>
      alone?.figures.find((each) => each.threshold === threshold)
    expect(at('0.5')).toMatchObject({ cases: 30, wrongKept: 0, error: 0 })
    expect(at('0.5')?.kept).toBeGreaterThan(0.5)
    expect(at('0.5')?.kept).toBeLessThan(1)
    // 30 answers cannot show an error of at most 5 %: nothing is kept, and the error of nothing is not a number.
    expect(at('maxError 0.05, confidence 0.9')).toMatchObject({ kept: 0, error: Number.NaN, resolved: { head: -1 } })
    expect(at('maxError 0.05, confidence 0.9')?.costPer1000).toBe(at('0.5')?.costOfAll)
    expect(at('0.5')?.costPer1000).toBeCloseTo((at('0.5')?.costOfAll ?? 0) * (1 - (at('0.5')?.kept ?? 0)), 1)
  })

  test('a rung without a calibrator keeps nothing where the task escalates what is unknown', () => {
    const alone = report.ladders.find(({ rungs }) => rungs.join() === 'few-shot')
    expect(alone?.figures.every(({ kept }) => kept === 0)).toBe(true)
  })

  test('prints every rung', () => {
    const text = printReport(report, options.price)
    expect(text).toContain('| sort | head     | test')
    expect(text).toContain('of the')
    expect(text).toContain('### sort: head, then few-shot')
  })
})

describe('selection', () => {
  test('limits each task and split, and leaves out what was not asked for', () => {
    const wanted = select([task], { tasks: undefined, rungs: ['head'], splits: ['test'], limit: 3, backend: 'wasm' })
    expect(wanted.map((each) => `${each.rung} ${each.case}`)).toEqual(['head m1', 'head m3', 'head m5'])
    expect(select([task], { tasks: ['none'], rungs: undefined, splits: undefined, limit: undefined, backend: 'wasm' })).toEqual([])
  })
})

describe('baseline', () => {
  const now = baselineOf(makeReport([task], [...head, ...second], options))

  test('has the shares on test', () => {
    expect(now.metrics['sort/few-shot/exact']).toBe(1)
    expect(now.metrics['sort/head/valid']).toBeCloseTo(29 / 30, 10)
    expect(parseBaseline(JSON.parse(JSON.stringify(now)), 'sorting')).toEqual(now)
  })

  test('a fall beyond the tolerance is a regression, a figure that is gone too; a rise is none', () => {
    const was = { ...now, metrics: { ...now.metrics, 'sort/few-shot/exact': 1.02, 'sort/head/valid': 0.2, gone: 0.5 } }
    expect(regressions(was, now, 0.03).map(({ metric }) => metric)).toEqual(['gone'])
    expect(regressions(was, now, 0.01).map(({ metric }) => metric)).toEqual(['sort/few-shot/exact', 'gone'])
  })

  test('refuses what is no baseline, and one of another suite', () => {
    expect(() => parseBaseline({ version: 2 }, 'sorting')).toThrow('Not a baseline file')
    expect(() => parseBaseline(JSON.parse(JSON.stringify(now)), 'other')).toThrow('of the suite sorting')
    expect(() => parseBaseline({ version: 1, suite: 'sorting', metrics: { a: 'b' } }, 'sorting')).toThrow('not a number')
  })
})
