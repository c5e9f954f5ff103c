import type { EngineOptions, LoadOptions } from '../contracts/engine.ts'
import type { LoadProgress, LoadReport, ModelSource, ModelSpec } from '../contracts/models.ts'
import type { RuntimeOptions } from '../contracts/runtime.ts'
import type { RungKind } from '../contracts/task.ts'
import { EmbeddingClient } from './embedding-client.ts'
import { GenerationClient } from './generation-client.ts'
import type { EngineSlot, EngineSlots } from './rung-runner.ts'

const OWN_HOST: readonly ModelSource[] = [{ base: '/models', layout: 'folder' }]

export interface EngineListeners {
  readonly onProgress: (kind: RungKind, progress: LoadProgress) => void
  /** Once per load that did something. */
  readonly onLoaded: (kind: RungKind, report: LoadReport) => void
}

/** The engines an app configured, each in a worker of its own; undefined where it configured none. */
export interface Engines extends EngineSlots {
  /** Ends the workers; calls that are pending reject. */
  close(): void
}

export function createEngines(
  options: Pick<RuntimeOptions, 'worker' | 'models' | 'backend' | 'threads'>,
  listeners: EngineListeners,
): Engines {
  const { models, backend = 'auto', threads, worker: createWorker } = options
  const reports = new Map<RungKind, LoadReport>()
  const closers: (() => void)[] = []

  function engineOptions(model: string | ModelSpec, on: EngineOptions['backend']): EngineOptions {
    const sources = models.sources ?? OWN_HOST
    return { model: typeof model === 'string' ? { id: model } : model, sources, backend: on, threads }
  }

  function slot<E extends { load(options?: LoadOptions): Promise<LoadReport>; close(): void }>(
    kind: RungKind,
    engine: E,
  ): EngineSlot<E> {
    closers.push(() => engine.close())
    return {
      engine,
      async load() {
        const report = await engine.load({ onProgress: (progress) => listeners.onProgress(kind, progress) })
        if (reports.get(kind) !== report) {
          reports.set(kind, report)
          listeners.onLoaded(kind, report)
        }
        return report
      },
    }
  }

  const { encoder, generator } = models
  return {
    // Sentence encoders are int8 and small: WASM runs them in milliseconds and leaves the GPU to the language model.
    encoder:
      encoder === undefined
        ? undefined
        : slot('encoder', new EmbeddingClient({ createWorker, engine: engineOptions(encoder, 'wasm') })),
    generator:
      generator === undefined
        ? undefined
        : slot('generator', new GenerationClient({ createWorker, engine: engineOptions(generator, backend) })),
    close() {
      for (const close of closers) close()
    },
  }
}
