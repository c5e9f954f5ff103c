import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

import type { Assessment } from '../../src/contracts/runtime.ts'

/** What one rung made of one case, as measured. */
export interface RawOutcome extends Omit<Assessment, 'score'> {
  readonly task: string
  readonly hash: string
  readonly case: string
  readonly backend: string
  /** The calibration key its signals belong to. */
  readonly key: string
  /** Cosine similarity of the answer to its reference, where the suite compares them. */
  readonly similarity?: number | undefined
}

/** Names a measurement that need not be made again while its prompt, model and case are the same. */
export function outcomeKey({
  task,
  hash,
  rung,
  case: caseId,
  backend,
}: Pick<RawOutcome, 'task' | 'hash' | 'rung' | 'case' | 'backend'>): string {
  return [task, hash, rung, backend, caseId].join('/')
}

/** Outcomes kept as JSON lines, one written as soon as it is known: a run that was cut short goes on where it was. */
export class OutcomeFile {
  readonly #file: string
  readonly #outcomes = new Map<string, RawOutcome>()

  /** `reuse`: starts with what the file has; else what it has is ignored, until it is measured anew. */
  constructor(file: string, reuse: boolean) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true })
    if (!reuse || !existsSync(file)) return
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue
      const outcome: RawOutcome = JSON.parse(line)
      this.#outcomes.set(outcomeKey(outcome), outcome)
    }
  }

  get(key: Parameters<typeof outcomeKey>[0]): RawOutcome | undefined {
    return this.#outcomes.get(outcomeKey(key))
  }

  add(outcome: RawOutcome): void {
    this.#outcomes.set(outcomeKey(outcome), outcome)
    appendFileSync(this.#file, `${JSON.stringify(outcome)}\n`)
  }
}
