import { type Remote, proxy, wrap } from 'comlink'

import type { EngineOptions, GenerateRequest } from '../../../src/contracts/engine.ts'
import type { LoadProgress, LoadReport } from '../../../src/contracts/models.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { TokenSignals } from '../../../src/contracts/signals.ts'
import type { EngineWorker, Wire, WorkerKind } from '../../../src/contracts/wire.ts'
import { fromShape } from '../../../src/errors/shape.ts'

export const LANGUAGE_MODEL = 'HuggingFaceTB/SmolLM2-135M-Instruct'
export const ENCODER = 'Xenova/all-MiniLM-L6-v2'
export const OWN_HOST = [{ base: '/models', layout: 'folder' }] as const

/** A real engine worker, spoken to over the raw wire. */
export interface TestWorker {
  readonly api: Remote<EngineWorker>
  readonly lock: string
  load(
    options: Partial<EngineOptions> & Pick<EngineOptions, 'model'>,
    onProgress?: (progress: LoadProgress) => void,
  ): Promise<LoadReport>
  stop(): void
}

let count = 0

export async function startWorker(kind: WorkerKind): Promise<TestWorker> {
  const worker = new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' })
  const api = wrap<EngineWorker>(worker)
  count += 1
  const lock = `test-worker-${count}-${crypto.randomUUID()}`
  unwrap(await api.hello({ api: 1, kind, lock }))
  return {
    api,
    lock,
    load: async (options, onProgress = () => undefined) =>
      unwrap(await api.load('load', { sources: OWN_HOST, backend: 'wasm', threads: 2, ...options }, proxy(onProgress))),
    stop: () => worker.terminate(),
  }
}

export function unwrap<T>(wire: Wire<T>): T {
  if (wire.ok) return wire.value
  throw fromShape(wire.error)
}

export interface Answer {
  readonly parts: readonly Part[]
  readonly batches: number
  readonly text: string
  readonly signals: readonly TokenSignals[]
  readonly finish: Extract<Part, { type: 'finish' }>
}

/** Runs one generation to its end. */
export async function ask(worker: TestWorker, request: GenerateRequest, id: string = crypto.randomUUID()): Promise<Answer> {
  const parts: Part[] = []
  let batches = 0
  const result = await worker.api.generate(
    id,
    request,
    proxy((batch) => {
      batches += 1
      parts.push(...batch)
    }),
  )
  unwrap(result)
  const finish = parts.at(-1)
  if (finish?.type !== 'finish') throw new Error('The generation gave no finish part.')
  return {
    parts,
    batches,
    text: parts.map((part) => (part.type === 'delta' ? part.text : '')).join(''),
    signals: parts.flatMap((part) => (part.type === 'signals' ? part.tokens : [])),
    finish,
  }
}
