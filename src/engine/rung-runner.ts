import type { EmbeddingEngine, GenerationEngine } from '../contracts/engine.ts'
import type { LoadReport } from '../contracts/models.ts'
import type { RequestFacts, RungRun, Stages } from '../contracts/stages.ts'
import type { Draft, Rung, RungContext, RungKind } from '../contracts/task.ts'
import { EngineError } from '../errors/engine-error.ts'
import { withDeadline } from '../utils/deadline.ts'
import { PromiseCache } from '../utils/memoize.ts'

/** An engine with its model: `load` loads it when it is first needed, once for everybody who waits. */
export interface EngineSlot<E> {
  readonly engine: E
  load(): Promise<LoadReport>
}

export type EngineSlots = {
  readonly encoder: EngineSlot<EmbeddingEngine> | undefined
  readonly generator: EngineSlot<GenerationEngine> | undefined
}

export interface RungRunnerOptions {
  /** Whether the app has a model of this kind. */
  readonly configured: (kind: RungKind) => boolean
  /** The engines, made at the first call. */
  readonly engines: () => Promise<EngineSlots>
}

/** Runs a task's rungs on the engines: the pipeline's `rungs` stage. */
export function createRungRunner({ configured, engines }: RungRunnerOptions): Stages['rungs'] {
  const remembered = new PromiseCache()

  async function context(
    request: RequestFacts,
    kind: RungKind,
    onText: (text: string) => void,
  ): Promise<{ context: RungContext; model: string }> {
    const slots = await engines()
    // The load goes on for the others when one request is aborted.
    const report = await withDeadline((slots[kind] ?? missing(kind)).load(), 'the model to load', undefined, request.signal)
    const model = modelKey(report)
    return {
      model,
      context: {
        get encoder() {
          return (slots.encoder ?? missing('encoder')).engine
        },
        get generator() {
          return (slots.generator ?? missing('generator')).engine
        },
        signal: request.signal,
        history: request.history,
        onText,
        remember: (key, make) => remembered.get(`${request.task.name}#${request.task.hash}/${model}/${key}`, make),
      },
    }
  }

  return {
    unable: ({ kind }) => (configured(kind) ? undefined : noModel(kind)),
    async run<I>(request: RequestFacts, input: I, rung: Rung<I>, onText: (source: RungRun['source'], text: string) => void) {
      const made = await context(request, rung.kind, (text) => onText({ where: 'device', model: made.model }, text))
      return { draft: await rung.answer(input, made.context), source: { where: 'device', model: made.model } }
    },
    async repair<I>(request: RequestFacts, input: I, rung: Rung<I>, draft: Draft, problem: string) {
      const { context: again, model } = await context(request, rung.kind, () => {})
      return { draft: (await rung.repair?.(input, draft, problem, again)) ?? draft, source: { where: 'device', model } }
    },
  }
}

/** Names what computed an answer: revision, weights and backend change signals, so all are part of a calibration key. */
export function modelKey({ model, revision, dtype, backend }: LoadReport): string {
  return `${model}@${revision}:${dtype}:${backend}`
}

function noModel(kind: RungKind): string {
  return `No ${kind} model is configured on this device.`
}

/** An engine that is not there: using it fails with a typed error, as a call would. */
function missing(kind: RungKind): never {
  throw new EngineError('not-loaded', noModel(kind))
}
