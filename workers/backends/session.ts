import type { Backend, Dtype, LoadProgress, ModelSpec } from '../../src/contracts/models.ts'
import type { EngineOptions } from '../../src/contracts/engine.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import { openFileCache } from '../models/file-cache.ts'
import { ModelFolder } from '../models/model-folder.ts'
import { externalDataFiles, graphFile } from '../models/source-files.ts'
import type { Environment } from './environment.ts'
import { type InferenceSession, loadOrt, type Ort, sessionError, threadCount } from './ort.ts'

export interface LoadContext {
  readonly options: EngineOptions
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly onProgress: (progress: LoadProgress) => void
}

/** The folder of the model that is to be loaded. */
export async function openFolder(context: LoadContext): Promise<ModelFolder> {
  const { options, environment, signal, onProgress } = context
  return new ModelFolder({
    spec: options.model,
    sources: options.sources,
    fetch: environment.fetch,
    cache: await openFileCache(environment.caches),
    page: environment.page,
    signal,
    onProgress,
  })
}

/** `q4` on WebGPU and `q8` on WASM, where nothing else was asked for. */
export function dtypeFor(spec: ModelSpec, backend: Backend): Dtype {
  return spec.dtype ?? (backend === 'webgpu' ? 'q4' : 'q8')
}

export interface Made {
  readonly ort: Ort
  readonly session: InferenceSession
  readonly dtype: Dtype
  readonly threads: number
}

/**
 * Fetches the graph and its external data and makes a session of them. A graph that cannot be read is forgotten, so that the
 * next try fetches it anew. Throws ModelError, `network`, EngineError (`out-of-memory`), AbortError.
 */
export async function makeSession(
  context: LoadContext,
  folder: ModelFolder,
  config: unknown,
  backend: Backend,
  extra: InferenceSession.SessionOptions,
): Promise<Made> {
  const { options, environment, signal, onProgress } = context
  const dtype = dtypeFor(options.model, backend)
  const graph = graphFile(dtype)
  const paths = [graph, ...externalDataFiles(config, graph)]
  const threads = threadCount(options.threads, environment.isolated, environment.cores)
  const [ort, files] = await Promise.all([
    loadOrt(backend, { threads, assets: environment.ortAssets, wasmBinary: environment.wasmBinary }),
    folder.all(paths),
  ])
  throwIfAborted(signal)
  const bytes = folder.bytesFromCache + folder.bytesFromNetwork
  onProgress({ model: folder.id, stage: 'session', loaded: bytes, total: bytes })
  const [model = new Uint8Array(), ...data] = files
  try {
    const session = await ort.InferenceSession.create(model, {
      ...extra,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      externalData: data.map((part, i) => ({ path: baseName(paths[i + 1] ?? ''), data: part })),
    })
    return { ort, session, dtype, threads }
  } catch (cause) {
    const error = sessionError(cause, folder.id, graph)
    if (error.code === 'model-corrupt') await folder.evict(paths)
    throw error
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
