import type { EngineOptions, GenerateRequest, Prompt } from '../src/contracts/engine.ts'
import type { LoadProgress, LoadReport } from '../src/contracts/models.ts'
import type { Part } from '../src/contracts/part.ts'
import type { CandidateScore } from '../src/contracts/signals.ts'
import type { EngineWorker, Wire, WireApi, WorkerKind } from '../src/contracts/wire.ts'
import { EngineError } from '../src/errors/engine-error.ts'
import { toShape } from '../src/errors/shape.ts'
import { WorkerError } from '../src/errors/worker-error.ts'
import { throwIfAborted } from '../src/utils/deadline.ts'
import type { Embedder } from './backends/ort-embed.ts'
import type { Generator } from './backends/ort-generate.ts'
import type { LoadContext } from './backends/session.ts'
import { PartBatcher } from './part-batcher.ts'

/** Version of the wire this worker speaks. Changes when a call changes its meaning. */
const API: WireApi = 1

/** What the host needs of its surroundings. The loaders are called lazily, so that one kind never fetches the other's code. */
export interface HostOptions {
  readonly loadGenerator: (
    context: Omit<LoadContext, 'environment'>,
  ) => Promise<{ readonly generator: Generator; readonly report: LoadReport }>
  readonly loadEmbedder: (
    context: Omit<LoadContext, 'environment'>,
  ) => Promise<{ readonly embedder: Embedder; readonly report: LoadReport }>
  /** Takes the lock and holds it for the worker's life; resolves once it is held. */
  readonly holdLock: (name: string) => Promise<void>
  readonly now: () => number
}

type Loaded = { readonly kind: 'generate'; readonly generator: Generator } | { readonly kind: 'embed'; readonly embedder: Embedder }

/**
 * The worker's side of the wire: calls by id, one at a time in the order they came (a session runs one thing at a time),
 * each cancellable while it waits and while it runs. Nothing is thrown across: errors go as data.
 */
export function createHost(options: HostOptions): EngineWorker {
  const calls = new Map<string, AbortController>()
  let kind: WorkerKind | undefined
  let loaded: Loaded | undefined
  let last: Promise<unknown> = Promise.resolve()

  /** Runs `work` when all earlier calls are done. */
  const inTurn = <T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<Wire<T>> => {
    const controller = new AbortController()
    const { signal } = controller
    calls.set(id, controller)
    const turn = last.then(async () => {
      throwIfAborted(signal)
      return work(signal)
    })
    const settled = turn.then(
      (value): Wire<T> => ({ ok: true, value }),
      (error: unknown): Wire<T> => ({ ok: false, error: toShape(error) }),
    )
    last = settled
    return settled.finally(() => {
      if (calls.get(id) === controller) calls.delete(id)
    })
  }

  const generator = (): Generator => {
    if (loaded?.kind === 'generate') return loaded.generator
    throw notLoaded('language model')
  }

  const embedder = (): Embedder => {
    if (loaded?.kind === 'embed') return loaded.embedder
    throw notLoaded('sentence encoder')
  }

  const release = async (): Promise<void> => {
    const old = loaded
    loaded = undefined
    if (old?.kind === 'generate') await old.generator.release()
    if (old?.kind === 'embed') await old.embedder.release()
  }

  return {
    async hello(hello) {
      if (hello.api !== API) {
        return failed(
          new WorkerError(
            'worker-failed',
            `This worker speaks wire version ${API}, the page ${hello.api}: both must come from one release.`,
          ),
        )
      }
      kind = hello.kind
      try {
        await options.holdLock(hello.lock)
        return { ok: true, value: undefined }
      } catch (cause) {
        return failed(new WorkerError('worker-failed', 'The worker could not take its lock.', { cause }))
      }
    },

    load: (id: string, engine: EngineOptions, onProgress: (progress: LoadProgress) => void) =>
      inTurn(id, async (signal) => {
        await release()
        const context = { options: engine, signal, onProgress }
        if (kind === undefined) throw new WorkerError('worker-failed', 'The worker was not greeted: hello comes first.')
        if (kind === 'embed') {
          const { embedder, report } = await options.loadEmbedder(context)
          loaded = { kind, embedder }
          return report
        }
        const { generator, report } = await options.loadGenerator(context)
        loaded = { kind, generator }
        return report
      }),

    generate: (id: string, request: GenerateRequest, onParts: (parts: readonly Part[]) => void) =>
      inTurn(id, async (signal) => {
        const batcher = new PartBatcher(onParts, options.now)
        try {
          await generator().generate(request, (part) => batcher.add(part), id, signal)
        } finally {
          await batcher.end()
        }
      }),

    score: (id: string, prompt: Prompt, candidates: readonly string[]): Promise<Wire<readonly CandidateScore[]>> =>
      inTurn(id, (signal) => generator().score(prompt, candidates, signal)),

    /** Needs the tokenizer only, so it need not wait for a generation. */
    countTokens(id: string, prompt: Prompt): Promise<Wire<number>> {
      if (loaded === undefined) return inTurn(id, () => Promise.resolve(generator().countTokens(prompt)))
      try {
        return Promise.resolve({ ok: true, value: generator().countTokens(prompt) })
      } catch (error) {
        return Promise.resolve({ ok: false, error: toShape(error) })
      }
    },

    embed: (id: string, texts: readonly string[]) => inTurn(id, (signal) => embedder().embed(texts, signal)),

    cancel(id: string) {
      calls.get(id)?.abort()
      return Promise.resolve()
    },

    unload: (id: string) => inTurn(id, release),
  }
}

function notLoaded(what: string): EngineError {
  return new EngineError('not-loaded', `No ${what} is loaded in this worker: load one first.`)
}

function failed(error: WorkerError): Wire<never> {
  return { ok: false, error: toShape(error) }
}
