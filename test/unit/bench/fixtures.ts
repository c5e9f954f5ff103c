import * as v from 'valibot'

import type { RawOutcome } from '../../../bench/eval/outcome.ts'
import { suiteTask, type Case, type SuiteTask } from '../../../bench/eval/suite.ts'
import { classify } from '../../../src/task/classify.ts'

const CASES = 60

/** Sixty messages, every other one of the split `test`. */
export const cases: readonly Case<{ text: string }, string>[] = Array.from({ length: CASES }, (_, i) => ({
  id: `m${i}`,
  split: i % 2 === 0 ? ('calibration' as const) : ('test' as const),
  input: { text: `message ${i}` },
  expected: i % 3 === 0 ? 'yes' : 'no',
}))

const text = v.object({ text: v.string() })
const label = v.object({ label: v.string() })

export const task: SuiteTask = suiteTask({
  task: classify({
    name: 'sort',
    version: 1,
    input: text,
    text: ({ text }) => text,
    labels: [
      { id: 'yes', description: 'Yes.', examples: ['yes'] },
      { id: 'no', description: 'No.', examples: ['no'] },
    ],
  }),
  cases,
  judge: (value, expected) => ({ exact: v.parse(label, value).label === expected }),
  good: 'exact',
  answer: (expected) => JSON.stringify({ label: expected }),
})

export interface Answer {
  readonly label?: string | undefined
  readonly sure?: number | undefined
}

/** Outcomes of one rung, one for each case, as a run would give them. */
export function outcomes(rung: string, answer: (index: number, expected: string) => Answer): readonly RawOutcome[] {
  return cases.map(({ id, expected }, i) => {
    const { label, sure = 0.5 } = answer(i, expected)
    return {
      task: task.name,
      hash: task.hash,
      case: id,
      backend: 'wasm',
      key: `sort@1#${task.hash}/${rung}/org/model@main:q8:wasm`,
      rung,
      kind: rung === 'head' ? 'encoder' : 'generator',
      value: label === undefined ? undefined : { label },
      problem: label === undefined ? 'label: must be one of yes, no' : undefined,
      signals: { sure, other: (i * 7) % 11 },
      usage: { promptTokens: 10, completionTokens: 0 },
      milliseconds: i + 1,
    }
  })
}
