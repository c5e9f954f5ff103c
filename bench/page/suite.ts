import { suite } from './chosen-suite.ts'
import { createRuntime, type Backend, type LoadReport, type Runtime } from 'transaxle'

import type { RawOutcome } from '../eval/outcome.ts'
import type { SuiteTask } from '../eval/suite.ts'
import { calibrationKey } from '../../src/confidence/calibration-key.ts'
import { EmbeddingClient } from '../../src/engine/embedding-client.ts'
import { ENCODER, engineWorker, GENERATOR } from './models.ts'
import { serve } from './serve.ts'

export interface SuitePageOptions {
  readonly task: string
  readonly case: string
  readonly rungs?: readonly string[] | undefined
  readonly backend: Backend | 'auto'
  readonly threads?: number | undefined
}

interface Ready {
  readonly runtime: Runtime
  readonly tasks: readonly SuiteTask[]
  readonly reports: ReadonlyMap<string, LoadReport>
}

let made: Promise<Ready> | undefined
let comparer: EmbeddingClient | undefined

async function make({ backend, threads }: SuitePageOptions): Promise<Ready> {
  const tasks = await suite.load(async (path) => (await fetch(`/${path}`)).json())
  // No gateway: the device alone is measured.
  const runtime = await createRuntime({
    worker: engineWorker,
    models: { encoder: ENCODER, generator: GENERATOR },
    threshold: 0.5,
    backend,
    threads,
    store: 'eval',
  })
  const reports = new Map<string, LoadReport>()
  runtime.on('loaded', (report) => reports.set(report.kind, report))
  await runtime.load()
  return { runtime, tasks, reports }
}

/** What each rung makes of one case. */
serve(async (options: SuitePageOptions): Promise<readonly RawOutcome[]> => {
  made ??= make(options)
  const { runtime, tasks, reports } = await made
  const task = tasks.find(({ name }) => name === options.task)
  if (task === undefined) throw new Error(`The suite ${suite.name} has no task ${options.task}.`)
  const assessments = await task.assess(runtime, options.case, options.rungs)
  const outcomes: RawOutcome[] = []
  for (const { score: _, ...assessment } of assessments) {
    const report = reports.get(assessment.kind)
    if (report === undefined) throw new Error(`No ${assessment.kind} has been loaded.`)
    const pair = assessment.value === undefined ? undefined : task.compare(assessment.value, options.case)
    outcomes.push({
      ...assessment,
      task: task.name,
      hash: task.hash,
      case: options.case,
      backend: options.backend,
      key: calibrationKey(task, assessment.rung, report),
      similarity: pair === undefined ? undefined : await similarity(pair),
    })
  }
  return outcomes
})

async function similarity([text, reference]: readonly [string, string]): Promise<number> {
  if (comparer === undefined) {
    const engine = { model: { id: ENCODER }, sources: [{ base: '/models', layout: 'folder' as const }], backend: 'wasm' as const }
    comparer = new EmbeddingClient({ createWorker: engineWorker, engine })
    await comparer.load()
  }
  const [a, b] = await comparer.embed([text, reference])
  if (a === undefined || b === undefined) throw new Error('The encoder gave no vector for a text.')
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}
