import type { Backend } from '../../src/contracts/models.ts'
import type { SuitePageOptions } from '../page/suite.ts'
import { ask, openSite } from '../site.ts'
import type { OutcomeFile, RawOutcome } from './outcome.ts'
import type { SuiteTask } from './suite.ts'

export interface Selection {
  /** Task names; default all. */
  readonly tasks: readonly string[] | undefined
  /** Rung ids; default all. */
  readonly rungs: readonly string[] | undefined
  readonly splits: readonly string[] | undefined
  /** Cases of each task and split. */
  readonly limit: number | undefined
  readonly backend: Backend | 'auto'
  readonly threads?: number | undefined
}

/** One measurement that was asked for. */
interface Wanted {
  readonly task: SuiteTask
  readonly rung: string
  readonly case: string
}

export function select(tasks: readonly SuiteTask[], selection: Selection): readonly Wanted[] {
  const { tasks: names, rungs, splits, limit = Infinity } = selection
  return tasks
    .filter(({ name }) => names === undefined || names.includes(name))
    .flatMap((task) =>
      task.rungs
        .filter(({ id }) => rungs === undefined || rungs.includes(id))
        .flatMap(({ id: rung }) => {
          const taken = new Map<string, number>()
          return task.cases.flatMap(({ id, split }): Wanted[] => {
            const count = (taken.get(split) ?? 0) + 1
            taken.set(split, count)
            return count > limit || splits?.includes(split) === false ? [] : [{ task, rung, case: id }]
          })
        }),
    )
}

/** Measures on the real device engine, in Chromium, what is not in the file yet; returns all that was asked for. */
export async function runSuite(
  file: string,
  tasks: readonly SuiteTask[],
  selection: Selection,
  kept: OutcomeFile,
  log: (line: string) => void,
): Promise<readonly RawOutcome[]> {
  const { backend, threads } = selection
  const wanted = select(tasks, selection)
  const nameOf = ({ task, rung, case: id }: Wanted): Parameters<OutcomeFile['get']>[0] => ({
    task: task.name,
    hash: task.hash,
    rung,
    case: id,
    backend,
  })
  const open = wanted.filter((each) => kept.get(nameOf(each)) === undefined)
  if (open.length > 0) {
    log(`${open.length} answers to make, ${wanted.length - open.length} are there already.`)
    const site = await openSite({ pages: ['suite'], modules: { './chosen-suite.ts': file } })
    try {
      const page = await site.open('suite')
      const warm = new Set<string>()
      const started = performance.now()
      for (const [i, { task, rung, case: id }] of open.entries()) {
        const options: SuitePageOptions = { task: task.name, case: id, rungs: [rung], backend, threads }
        // Work that is done once for a task (a fitted head, a prior) is no part of an answer's time.
        if (!warm.has(`${task.name}/${rung}`)) await ask(page, options)
        warm.add(`${task.name}/${rung}`)
        const outcomes = await ask<readonly RawOutcome[]>(page, options)
        for (const outcome of outcomes) kept.add(outcome)
        const [outcome] = outcomes
        if (outcome === undefined) throw new Error(`The rung ${rung} of ${task.name} gave no answer.`)
        log(`${progress(i + 1, open.length, performance.now() - started)}  ${task.name}/${rung} ${id}: ${describe(task, outcome)}`)
      }
    } finally {
      await site.close()
    }
  }
  return wanted.flatMap((each) => kept.get(nameOf(each)) ?? [])
}

function progress(done: number, all: number, milliseconds: number): string {
  const left = Math.round(((milliseconds / done) * (all - done)) / 1000)
  return `${String(done).padStart(String(all).length)}/${all}, ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`
}

function describe(task: SuiteTask, { value, problem, milliseconds, case: id }: RawOutcome): string {
  const good = value === undefined || task.good === undefined ? undefined : task.judge(value, id)[task.good]
  const verdict = value === undefined ? `invalid (${problem ?? ''})` : good === undefined ? 'valid' : good ? 'right' : 'wrong'
  return `${verdict}, ${Math.round(milliseconds)} ms`
}
