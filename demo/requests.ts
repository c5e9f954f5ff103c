import { isTransaxleError, type OutboxEntry, type Runtime } from 'transaxle'

import { messageOf } from './engines.ts'
import type { Memory } from './memory.ts'
import { TASK_NAMES, readValue, toResult, type MessageResults, type Result, type TaskName, type Values } from './results.ts'
import { runningKey, type State } from './state.ts'

export interface RequestsOptions {
  readonly state: State
  readonly memory: Memory
  /** The runtime of now: it is another one after the person has changed the models. */
  readonly runtime: () => Runtime
  readonly changed: () => void
}

/** Runs the tasks and keeps what became of each request. */
export interface Requests {
  /** `before`: what has to be there first, a model for one. The request counts as running meanwhile and can be stopped. */
  run(task: TaskName, message: string, before?: () => Promise<void>): Promise<void>
  stop(task: TaskName, message: string): void
  label(task: TaskName, message: string, good: boolean): Promise<void>
  /** An answer that came through the outbox takes the place of the request that waited for it. */
  deliver(entry: OutboxEntry): Promise<void>
  refreshOutbox(): Promise<void>
  refreshLedger(): Promise<void>
  /** After many were triaged at once: notes for each what was sent. */
  noteAllSent(): Promise<void>
  /** The ledger may be written after an answer came through the outbox: then what was sent is noted later. */
  catchUp(): Promise<void>
}

export function createRequests({ state, memory, runtime, changed }: RequestsOptions): Requests {
  function keep(message: string, results: MessageResults): void {
    state.results.set(message, results)
    memory.keepResults(message, results)
    changed()
  }

  function keepResult<N extends TaskName>(task: N, message: string, result: Result<Values[N]>): void {
    keep(message, { ...state.results.get(message), [task]: result })
  }

  /** One task, with its own types. Resolves with what is left to do when the answer is out. */
  async function settle(task: TaskName, message: string, signal: AbortSignal): Promise<() => Promise<void>> {
    const mail = state.byId.get(message)
    if (mail === undefined) return async () => {}
    const input = { subject: mail.subject, body: mail.body }
    const options = { signal, privacy: state.privacy }
    const start = performance.now()
    const took = (): number => performance.now() - start
    let written: Promise<unknown>
    if (task === 'triage') {
      const outcome = await runtime().run(state.tasks.triage, input, options)
      keepResult('triage', message, toResult(outcome, took()))
      written = outcome.done
    } else if (task === 'extract') {
      const outcome = await runtime().run(state.tasks.extract, input, options)
      keepResult('extract', message, toResult(outcome, took()))
      written = outcome.done
    } else {
      const outcome = await runtime().run(state.tasks.draft, input, options)
      keepResult('draft', message, toResult(outcome, took()))
      written = outcome.done
    }
    return async () => {
      await written
      const result = state.results.get(message)?.[task]
      if (result?.settled === 'queued') await refreshOutbox()
      // Of many at once, the ledger is read at their end.
      if (result !== undefined && result.bytesSent > 0 && state.batch === undefined) {
        await refreshLedger()
        noteSent(task, message)
      }
    }
  }

  /** What was sent, and what was replaced before, stands in the ledger, which is written after the answer is out. */
  function noteSent(task: TaskName, message: string): void {
    const results = state.results.get(message)
    const result = results?.[task]
    const entry = state.ledger.entries.findLast(({ request }) => request === result?.id)
    if (result === undefined || entry === undefined) return
    const { redacted, bytesSent, bytesReceived, money } = entry
    const model = result.settled === 'frontier' ? (entry.model ?? result.model) : result.model
    keep(message, { ...results, [task]: { ...result, redacted, bytesSent, bytesReceived, spent: money, model } })
  }

  async function refreshOutbox(): Promise<void> {
    state.outbox = await runtime().outbox.list()
    changed()
  }

  async function refreshLedger(): Promise<void> {
    const entries = await runtime().ledger.list()
    const sum = (pick: (entry: (typeof entries)[number]) => number): number =>
      entries.reduce((total, entry) => total + pick(entry), 0)
    state.ledger = {
      entries,
      money: sum((entry) => entry.money),
      bytesSent: sum((entry) => entry.bytesSent),
      bytesReceived: sum((entry) => entry.bytesReceived),
    }
    changed()
  }

  return {
    async run(task, message, before) {
      const key = runningKey(task, message)
      if (state.running.has(key)) return
      const abort = new AbortController()
      state.running.set(key, { since: performance.now(), abort })
      changed()
      let rest: (() => Promise<void>) | undefined
      try {
        await before?.()
        if (!abort.signal.aborted) rest = await settle(task, message, abort.signal)
      } catch (error) {
        // Stopped by the person, or by a change of models.
        if (!(isTransaxleError(error) && error.code === 'aborted')) state.notice = messageOf(error)
      } finally {
        state.running.delete(key)
        changed()
      }
      await rest?.()
    },
    stop: (task, message) => state.running.get(runningKey(task, message))?.abort.abort(),

    async label(task, message, good) {
      const results = state.results.get(message)
      const result = results?.[task]
      if (result === undefined) return
      const known = await runtime().label(result, good)
      if (!known) state.notice = 'This answer is too old to learn from: run it again first.'
      keep(message, { ...results, [task]: { ...result, good } })
    },

    async deliver(entry) {
      const found = findRequest(state, entry.id)
      if (found !== undefined && entry.state === 'answered') {
        const { task, message, results } = found
        const { [task]: waiting, ...others } = results
        const value = readValue[task](entry.value)
        if (waiting !== undefined && value !== undefined) {
          const reason = `${waiting.reason} It waited in the outbox and was answered when the frontier model could be reached.`
          const answered = {
            ...waiting,
            settled: 'frontier' as const,
            value,
            model: state.frontier,
            reason,
            reasonCode: 'delivered',
          }
          keep(message, { ...others, [task]: answered })
          // It has its place on the page now.
          await runtime().outbox.take(entry.id)
          await refreshLedger()
          noteSent(task, message)
        }
      }
      await refreshOutbox()
    },
    refreshOutbox,
    refreshLedger,
    async noteAllSent() {
      await refreshLedger()
      for (const { message, task } of unnoted(state)) noteSent(task, message)
    },
    async catchUp() {
      if (unnoted(state).length > 0) await this.noteAllSent()
    },
  }
}

/** Answers of the frontier model without a note of what was sent for them. */
function unnoted({ results }: State): readonly { readonly message: string; readonly task: TaskName }[] {
  return [...results].flatMap(([message, each]) =>
    TASK_NAMES.filter((task) => each[task]?.settled === 'frontier' && each[task].redacted === undefined).map((task) => ({
      message,
      task,
    })),
  )
}

function findRequest(
  { results }: State,
  id: string,
): { readonly task: TaskName; readonly message: string; readonly results: MessageResults } | undefined {
  for (const [message, each] of results) {
    for (const task of TASK_NAMES) if (each[task]?.id === id) return { task, message, results: each }
  }
  return undefined
}
