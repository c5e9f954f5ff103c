import type { Assessment, Runtime, Rung, Task } from 'transaxle'

/** One example with what is known to be right about it. Plain JSON. */
export interface Case<I = unknown, E = unknown> {
  readonly id: string
  /** Calibrators are fitted on `calibration`; figures are reported on `test`, on which nothing is fitted. */
  readonly split: 'calibration' | 'test'
  readonly input: I
  readonly expected: E
}

/** Yes or no, by name, about one answer: `exact`, `name`, … */
export type Judgement = Readonly<Record<string, boolean>>

export interface SuiteTaskOptions<I, O, E> {
  readonly task: Task<I, O>
  readonly cases: readonly Case<I, E>[]
  readonly judge?: ((value: unknown, expected: E) => Judgement) | undefined
  /** The judgement that says whether an answer is good enough: the calibrators' label. Without it nothing is fitted. */
  readonly good?: string | undefined
  /** Two texts whose embeddings are compared: the answer and its reference. */
  readonly compare?: ((value: unknown, expected: E) => readonly [string, string]) | undefined
  /** The frontier's answer as text, to estimate what it would cost. */
  readonly answer: (expected: E) => string
}

/** A task and its cases, with their types closed over. */
export interface SuiteTask {
  readonly name: string
  readonly version: number
  readonly hash: string
  readonly rungs: readonly Pick<Rung<unknown>, 'id' | 'kind' | 'summary'>[]
  readonly whenUnknown: Task<unknown, unknown>['whenUnknown']
  readonly good: string | undefined
  readonly cases: readonly Case[]
  assess(runtime: Runtime, caseId: string, rungs: readonly string[] | undefined): Promise<readonly Assessment[]>
  judge(value: unknown, caseId: string): Judgement
  compare(value: unknown, caseId: string): readonly [string, string] | undefined
  /** Characters that the frontier would be sent and would send back. */
  frontierLength(caseId: string): { readonly prompt: number; readonly answer: number }
}

/** A module of prompt tests exports one as `suite`. It runs in the page, where the models are, and in Node, where answers are judged. */
export interface Suite {
  readonly name: string
  /** `readJson` reads a file of `public/`, by its path there. */
  readonly load: (readJson: (path: string) => Promise<unknown>) => Promise<readonly SuiteTask[]>
}

export function suiteTask<I, O, E>(options: SuiteTaskOptions<I, O, E>): SuiteTask {
  const { task, cases, judge, good, compare, answer } = options
  const byId = new Map(cases.map((each) => [each.id, each]))
  const find = (id: string): Case<I, E> => {
    const found = byId.get(id)
    if (found === undefined) throw new RangeError(`The task ${task.name} has no case ${id}.`)
    return found
  }
  return {
    name: task.name,
    version: task.version,
    hash: task.hash,
    rungs: task.rungs.map(({ id, kind, summary }) => ({ id, kind, summary })),
    whenUnknown: task.whenUnknown,
    good,
    cases,
    assess: (runtime, caseId, rungs) => runtime.assess(task, find(caseId).input, { rungs }),
    judge: (value, caseId) => judge?.(value, find(caseId).expected) ?? {},
    compare: (value, caseId) => compare?.(value, find(caseId).expected),
    frontierLength(caseId) {
      const { input, expected } = find(caseId)
      const prompt = task.frontier.messages(input, []).reduce((sum, message) => sum + message.content.length, 0)
      return { prompt, answer: answer(expected).length }
    },
  }
}
