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

export interface RungRunnerOptions {
  readonly encoder: EngineSlot<EmbeddingEngine> | undefined
  readonly generator: EngineSlot<GenerationEngine> | undefined
}

/** Runs a task's rungs on the engines: the pipeline's `rungs` stage. */
export function createRungRunner(slots: RungRunnerOptions): Stages['rungs'] {
  const remembered = new PromiseCache()

  async function context(
    request: RequestFacts,
    kind: RungKind,
    onText: (text: string) => void,
  ): Promise<{ context: RungContext; model: string }> {
    // The load goes on for the others when one request is aborted.
    const report = await withDeadline(slot(kind).load(), 'the model to load', undefined, request.signal)
    const model = modelKey(report)
    return {
      model,
      context: {
        get encoder() {
          return slots.encoder?.engine ?? missing('encoder')
        },
        get generator() {
          return slots.generator?.engine ?? missing('generator')
        },
        signal: request.signal,
        history: request.history,
        onText,
        remember: (key, make) => remembered.get(`${request.task.name}#${request.task.hash}/${model}/${key}`, make),
      },
    }
  }

  function slot(kind: RungKind): EngineSlot<unknown> {
    const found = slots[kind]
    if (found === undefined) throw new EngineError('not-loaded', noModel(kind))
    return found
  }

  return {
    unable: (rung) => (slots[rung.kind] === undefined ? noModel(rung.kind) : undefined),
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
