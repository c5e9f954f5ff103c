import type { Privacy, Runtime } from 'transaxle'

import { frontierName, loadModel, messageOf, modelSizes, openRuntime, watchModels } from './engines.ts'
import type { Memory } from './memory.ts'
import { createRequests } from './requests.ts'
import type { TaskName } from './results.ts'
import { createScoring } from './scoring.ts'
import {
  NO_MODEL,
  visibleMessages,
  type BackendChoice,
  type Filter,
  type Pane,
  type State,
  type Theme,
  type ThresholdChoice,
} from './state.ts'

/** Everything a person can do on the page. */
export interface Actions {
  select(message: string | undefined): void
  filter(change: Partial<Filter>): void
  privacy(privacy: Privacy): void
  run(task: TaskName, message: string): void
  stop(task: TaskName, message: string): void
  label(task: TaskName, message: string, good: boolean): void
  triageAll(): void
  /** How the limit is set. */
  limitBy(mode: ThresholdChoice['mode']): void
  /** The limit, in the terms of the mode. */
  limit(value: number): void
  scoreWithGenerator(): void
  loadGenerator(): void
  backend(backend: BackendChoice): void
  offline(offline: boolean): void
  sendOutbox(): void
  cancelOutbox(id: string): void
  learn(): void
  /** Marks every device answer of triage by the reference answers. */
  markAll(): void
  exportLedger(): void
  deleteAll(): void
  theme(theme: Theme): void
  pane(pane: Pane): void
}

/** Requests under way at once while all are triaged: the device works on one, others may wait for the network. */
const PARALLEL = 3
/** How often the page looks whether the frontier can be reached. */
const LOOK_EVERY = 10_000

/** Opens the runtime and loads the encoder. `save` hands a file to the person. */
export async function start(
  state: State,
  memory: Memory,
  changed: () => void,
  save: (name: string, type: string, content: string) => void,
): Promise<Actions> {
  const runtimeAt = { now: await openRuntime(state, memory.choices().generator) }
  let hasGenerator = memory.choices().generator
  state.generatorKept = hasGenerator
  let background = new AbortController()
  let unwatch = watch(runtimeAt.now)
  const runtime = (): Runtime => runtimeAt.now
  const requests = createRequests({ state, memory, runtime, changed })
  const scoring = createScoring({ state, runtime, changed })

  function watch(opened: Runtime): () => void {
    state.durable = opened.storage.name === 'indexeddb'
    const stops = [
      watchModels(opened, state, changed),
      opened.on('store-fallback', () => {
        state.durable = false
        changed()
      }),
      opened.on('delivered', (entry) => void requests.deliver(entry)),
    ]
    return () => stops.forEach((stop) => stop())
  }

  /** What is wrong is shown, and the page goes on. */
  const attempt = (work: () => Promise<unknown>): void => {
    work().catch((error: unknown) => {
      state.notice = messageOf(error)
      changed()
    })
  }

  /** The encoder, then every message's score; the language model if it was asked for before. */
  async function warmUp(): Promise<void> {
    const { signal } = background
    await importCalibrators(runtime())
    if (await loadModel(runtime(), 'encoder', state, changed)) {
      await scoring.scoreAll('encoder', signal).catch(unlessStopped(signal))
      if (!signal.aborted) await scoring.apply()
    }
    if (hasGenerator && !signal.aborted) await loadModel(runtime(), 'generator', state, changed)
  }

  /** Another choice of models or backend is another runtime. What is stored stays. */
  async function reopen(): Promise<void> {
    background.abort()
    background = new AbortController()
    state.batch?.stop()
    unwatch()
    await runtime().close()
    state.models = { encoder: NO_MODEL, generator: NO_MODEL }
    runtimeAt.now = await openRuntime(state, hasGenerator)
    unwatch = watch(runtime())
    changed()
  }

  async function ensureGenerator(): Promise<void> {
    if (!hasGenerator) {
      hasGenerator = true
      state.generatorKept = true
      memory.remember({ generator: true })
      await reopen()
      attempt(warmUp)
    }
    await loadModel(runtime(), 'generator', state, changed)
  }

  async function inBatches(what: string, ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
    if (state.batch !== undefined) return
    let next = 0
    const stopping = new AbortController()
    const stop = (): void => {
      stopping.abort()
      for (const [key, { abort }] of state.running) if (key.startsWith('triage:')) abort.abort()
    }
    state.batch = { what, done: 0, total: ids.length, stop }
    changed()
    const worker = async (): Promise<void> => {
      for (let id = ids[next++]; id !== undefined && !stopping.signal.aborted; id = ids[next++]) {
        await work(id)
        if (state.batch !== undefined) state.batch = { ...state.batch, done: state.batch.done + 1 }
        changed()
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, worker))
    state.batch = undefined
    await requests.noteAllSent()
  }

  function choose(change: Partial<ThresholdChoice>): void {
    state.choice = { ...state.choice, ...change }
    memory.remember({ threshold: state.choice })
    attempt(scoring.apply)
  }

  async function look(): Promise<void> {
    await requests.catchUp()
    const online = await runtime().online()
    if (online === state.online) return
    state.online = online
    if (online && state.frontier === undefined) state.frontier = await frontierName()
    changed()
  }

  /** Sizes are worth knowing before a download; offline there is none. */
  async function showSizes(): Promise<void> {
    state.sizes = await modelSizes(state.backend).catch(() => state.sizes)
    changed()
  }

  for (const [id, results] of memory.results()) if (state.byId.has(id)) state.results.set(id, results)
  setInterval(() => attempt(look), LOOK_EVERY)
  attempt(look)
  attempt(requests.refreshOutbox)
  attempt(requests.refreshLedger)
  attempt(showSizes)
  attempt(warmUp)

  return {
    select(message) {
      state.selected = message
      state.pane = 'inbox'
      changed()
    },
    filter(change) {
      state.filter = { ...state.filter, ...change }
      changed()
    },
    privacy(privacy) {
      state.privacy = privacy
      changed()
    },
    run: (task, message) =>
      attempt(() => {
        // The person's click is what the download waits for. Who sends everything out needs no model here.
        const needsGenerator = task !== 'triage' && state.privacy !== 'frontier'
        return requests.run(task, message, needsGenerator ? ensureGenerator : undefined)
      }),
    stop: requests.stop,
    label: (task, message, good) => attempt(() => requests.label(task, message, good)),
    triageAll: () =>
      attempt(() =>
        inBatches(
          'Triage',
          visibleMessages(state).map(({ id }) => id),
          (id) => requests.run('triage', id),
        ),
      ),
    limitBy: (mode) => choose({ mode }),
    limit: (value) => choose({ [state.choice.mode]: value }),
    scoreWithGenerator: () =>
      attempt(async () => {
        const stop = new AbortController()
        const unscored = state.inbox.messages.length
        state.batch = { what: 'Score', done: 0, total: unscored, stop: () => stop.abort() }
        const signal = AbortSignal.any([stop.signal, background.signal])
        await scoring
          .scoreAll('generator', signal, () => {
            if (state.batch !== undefined) state.batch = { ...state.batch, done: state.batch.done + 1 }
          })
          .catch(unlessStopped(signal))
          .finally(() => {
            state.batch = undefined
            changed()
          })
      }),
    loadGenerator: () => attempt(ensureGenerator),
    backend: (backend) =>
      attempt(async () => {
        state.backend = backend
        // Signals differ by what computes them.
        scoring.forget()
        memory.remember({ backend })
        await reopen()
        await Promise.all([showSizes(), warmUp()])
      }),
    offline(offline) {
      state.offline = offline
      memory.remember({ offline })
      runtime().offline = offline
      attempt(look)
      changed()
    },
    sendOutbox: () => attempt(() => runtime().outbox.drain().then(requests.refreshOutbox)),
    cancelOutbox: (id) => attempt(() => runtime().outbox.cancel(id).then(requests.refreshOutbox)),
    learn: () =>
      attempt(async () => {
        const reports = await runtime().calibrators.fit()
        const failed = reports.flatMap((report) => (report.fitted ? [] : [report.why]))
        const fitted = reports.length - failed.length
        state.notice =
          fitted > 0
            ? `Learned from your marks (${fitted} of ${reports.length} kinds of answer).`
            : (failed[0] ?? 'There are no marks yet.')
        if (fitted === 0) return changed()
        scoring.forget()
        await scoring.scoreAll('encoder', background.signal)
        await scoring.apply()
      }),
    markAll: () =>
      attempt(async () => {
        for (const [message, { triage }] of state.results) {
          const right = state.byId.get(message)?.reference.intent
          if (triage?.settled === 'device' && triage.good === undefined)
            await requests.label('triage', message, triage.value?.label === right)
        }
      }),
    exportLedger: () => attempt(async () => save('transaxle-ledger.csv', 'text/csv', await runtime().ledger.toCsv())),
    deleteAll: () =>
      attempt(async () => {
        await runtime().deleteAll()
        memory.forget()
        state.results.clear()
        scoring.forget()
        await reopen()
        await Promise.all([requests.refreshLedger(), requests.refreshOutbox()])
        state.notice = 'Everything this page had stored is deleted, but for the model files and your settings.'
        changed()
        await warmUp()
      }),
    pane(pane) {
      state.pane = pane
      changed()
    },
    theme(theme) {
      state.theme = theme
      memory.remember({ theme })
      changed()
    },
  }
}

/** Calibrators that the evaluation has made, if they are there. */
async function importCalibrators(runtime: Runtime): Promise<void> {
  const response = await fetch('/data/calibrators.json')
  const isJson = response.headers.get('content-type')?.includes('json') === true
  if (response.ok && isJson) await runtime.calibrators.importCalibrators(await response.json())
}

/** The end of background work that was stopped is no news, whatever it broke off with. */
function unlessStopped(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error
  }
}
