import { createRuntime, isTransaxleError, type Runtime } from 'transaxle'
import * as v from 'valibot'

import { toThreshold } from './memory.ts'
import type { BackendChoice, ModelKind, State } from './state.ts'

const ENCODER = 'Xenova/all-MiniLM-L6-v2'
const GENERATOR = 'HuggingFaceTB/SmolLM2-135M-Instruct'

/** What the frontier model costs in this demo: an example, per million tokens. */
export const PRICE = { input: 3, output: 15, currency: 'USD' } as const

/** Milliseconds between two pictures of a download. */
const PROGRESS_EVERY = 200

/** A runtime as the person set it up. Without `generator` the language model is not there, so nothing can make it load. */
export async function openRuntime(state: State, generator: boolean): Promise<Runtime> {
  const runtime = await createRuntime({
    worker: () => new Worker(new URL('transaxle/worker', import.meta.url), { type: 'module' }),
    models: { encoder: ENCODER, ...(generator ? { generator: GENERATOR } : {}) },
    gateway: { url: '/v1', price: PRICE },
    threshold: toThreshold(state.choice),
    backend: state.backend,
    store: 'birch-and-bay',
  })
  runtime.offline = state.offline
  const { triage, extract, draft } = state.tasks
  await Promise.all([runtime.register(triage), runtime.register(extract), runtime.register(draft)])
  return runtime
}

/** Keeps the picture of each model's load up to date. Returns how to stop. */
export function watchModels(runtime: Runtime, state: State, changed: () => void): () => void {
  const since: Record<ModelKind, number | undefined> = { encoder: undefined, generator: undefined }
  let shown = { at: 0, stage: '' }
  const stops = [
    runtime.on('progress', ({ kind, stage, loaded, total }) => {
      // Bytes come in faster than anybody reads.
      const now = performance.now()
      if (stage === shown.stage && now - shown.at < PROGRESS_EVERY) return
      shown = { at: now, stage }
      const start = (since[kind] ??= now)
      const seconds = (now - start) / 1000
      const rate = seconds > 0.2 ? loaded / seconds : 0
      state.models = { ...state.models, [kind]: { phase: 'loading', stage, loaded, total, rate } }
      changed()
    }),
    runtime.on('loaded', (report) => {
      const total = report.bytesFromCache + report.bytesFromNetwork
      state.models = { ...state.models, [report.kind]: { phase: 'ready', loaded: total, total, rate: 0, report } }
      changed()
    }),
  ]
  return () => stops.forEach((stop) => stop())
}

/** Loads one model; how it ends is in the state. */
export async function loadModel(runtime: Runtime, kind: ModelKind, state: State, changed: () => void): Promise<boolean> {
  if (state.models[kind].phase !== 'ready') {
    state.models = { ...state.models, [kind]: { phase: 'loading', loaded: 0, total: state.sizes[kind] ?? 0, rate: 0 } }
    changed()
  }
  try {
    await runtime.load([kind])
    return true
  } catch (error) {
    if (!(isTransaxleError(error) && error.code === 'aborted')) {
      state.models = { ...state.models, [kind]: { phase: 'failed', loaded: 0, total: 0, rate: 0, error: messageOf(error) } }
      changed()
    }
    return false
  }
}

const manifestSchema = v.object({
  models: v.array(v.object({ id: v.string(), files: v.array(v.object({ path: v.string(), bytes: v.number() })) })),
})

/** How much each model is to download, before it is. The language model's weights depend on what runs it. */
export async function modelSizes(backend: BackendChoice): Promise<State['sizes']> {
  const response = await fetch('/models/manifest.json')
  const manifest = v.parse(manifestSchema, await response.json())
  const gpu = backend === 'webgpu' || (backend === 'auto' && (await hasGpu()))
  return { encoder: sizeOf(ENCODER, 'model_quantized'), generator: sizeOf(GENERATOR, gpu ? 'model_q4' : 'model_quantized') }

  function sizeOf(id: string, weights: string): number | undefined {
    const files = manifest.models.find((model) => model.id === id)?.files.filter(({ path }) => needed(path, weights))
    return files?.reduce((sum, file) => sum + file.bytes, 0)
  }
}

function needed(path: string, weights: string): boolean {
  return path.startsWith('onnx/') ? path.startsWith(`onnx/${weights}.`) : path.endsWith('.json')
}

async function hasGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null)
  return adapter !== null && adapter !== undefined && !adapter.info.isFallbackAdapter
}

const upstreams = v.object({ data: v.array(v.object({ id: v.string() })) })

/** The name of the model behind the gateway. Undefined where it does not say. */
export async function frontierName(): Promise<string | undefined> {
  try {
    const response = await fetch('/v1/models')
    return v.parse(upstreams, await response.json()).data[0]?.id
  } catch {
    return undefined
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
