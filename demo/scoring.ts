import type { Assessment, Runtime } from 'transaxle'

import { toThreshold } from './memory.ts'
import type { Judged } from './routing.ts'
import type { ModelKind, State } from './state.ts'

/** Keeps the scores that the slider plays with, and what a target comes out as. */
export interface Scoring {
  /** Scores every message with one model that has no score of it yet, in the background; ends early when stopped. */
  scoreAll(kind: ModelKind, signal: AbortSignal, scored?: () => void): Promise<void>
  /** Forgets scores that a new calibrator would give otherwise. */
  forget(): void
  /** Sets the threshold as the person chose it. */
  apply(): Promise<void>
}

const RUNG: Readonly<Record<ModelKind, string>> = { encoder: 'head', generator: 'few-shot' }

export interface ScoringOptions {
  readonly state: State
  readonly runtime: () => Runtime
  readonly changed: () => void
}

export function createScoring({ state, runtime, changed }: ScoringOptions): Scoring {
  async function assess(kind: ModelKind, message: string, signal: AbortSignal): Promise<Assessment | undefined> {
    const mail = state.byId.get(message)
    if (mail === undefined) return undefined
    const input = { subject: mail.subject, body: mail.body }
    const [assessment] = await runtime().assess(state.tasks.triage, input, { rungs: [RUNG[kind]], signal })
    return assessment
  }

  function note(kind: ModelKind, message: string, assessment: Assessment): void {
    const { value, score } = assessment
    const judged: Judged = { score: score.known ? score.value : undefined, label: labelOf(value) }
    state.samples.set(message, { ...state.samples.get(message), [kind]: judged })
    if (kind === 'encoder') state.calibrated = score.known
    if (score.known) {
      state.limits = { ...state.limits, [kind]: score.threshold.value }
      if (kind === 'encoder') state.basis = score.threshold.basis
    }
  }

  /** A target is a number only against a calibrator: one message is judged anew to read what it came out as. */
  async function resolve(kind: ModelKind): Promise<void> {
    const known = [...state.samples].find(([, sample]) => sample[kind]?.score !== undefined)
    if (known === undefined) return
    const assessment = await assess(kind, known[0], AbortSignal.timeout(60_000))
    if (assessment !== undefined) note(kind, known[0], assessment)
  }

  return {
    async scoreAll(kind, signal, scored) {
      for (const { id } of state.inbox.messages) {
        if (signal.aborted) return
        if (state.samples.get(id)?.[kind]?.score !== undefined) {
          scored?.()
          continue
        }
        const assessment = await assess(kind, id, signal)
        if (assessment === undefined) return
        note(kind, id, assessment)
        scored?.()
        changed()
      }
    },

    forget() {
      for (const { id } of state.inbox.messages) state.samples.set(id, {})
    },

    async apply() {
      const { choice } = state
      runtime().threshold = toThreshold(choice)
      if (choice.mode === 'number') {
        state.limits = { encoder: choice.number, generator: choice.number }
        state.basis = undefined
        changed()
        return
      }
      await resolve('encoder')
      // Without a score of the language model's own, its part is drawn at the encoder's number.
      state.limits = { ...state.limits, generator: state.limits.encoder }
      changed()
      if (state.models.generator.phase === 'ready') await resolve('generator')
      changed()
    },
  }
}

function labelOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'label' in value && typeof value.label === 'string' ? value.label : ''
}
