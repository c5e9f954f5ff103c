import type { Threshold } from 'transaxle'
import * as v from 'valibot'

import { readResults, type MessageResults } from './results.ts'
import type { BackendChoice, Theme, ThresholdChoice } from './state.ts'

/** What the page remembers in localStorage: the person's choices, and the results on the list. */

const PREFIX = 'birch-and-bay:'
const RESULT = `${PREFIX}result:`

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

const choicesSchema = v.object({
  backend: v.fallback(v.picklist(['auto', 'wasm', 'webgpu']), 'auto'),
  theme: v.fallback(v.picklist(['system', 'light', 'dark']), 'system'),
  offline: v.fallback(v.boolean(), false),
  /** Whether the language model was asked for before: then its files are here and it is loaded again. */
  generator: v.fallback(v.boolean(), false),
  threshold: v.fallback(
    v.object({ mode: v.picklist(['number', 'maxError', 'escalationRate']), number: share, maxError: share, escalationRate: share }),
    { mode: 'number', number: 0.3, maxError: 0.1, escalationRate: 0.3 },
  ),
})

export interface Choices {
  readonly backend: BackendChoice
  readonly theme: Theme
  readonly offline: boolean
  readonly generator: boolean
  readonly threshold: ThresholdChoice
}

export interface Memory {
  choices(): Choices
  remember(choices: Partial<Choices>): void
  results(): ReadonlyMap<string, MessageResults>
  keepResults(message: string, results: MessageResults): void
  /** Forgets results; the choices stay. */
  forget(): void
}

/** Storage that is full or shut costs the next visit its memory, and this one nothing. */
export function createMemory(storage: Storage | undefined): Memory {
  const read = (key: string): unknown => {
    try {
      return JSON.parse(storage?.getItem(key) ?? 'null')
    } catch {
      return null
    }
  }
  const write = (key: string, value: unknown): void => {
    try {
      storage?.setItem(key, JSON.stringify(value))
    } catch {
      // As said above.
    }
  }
  const keys = (): string[] => (storage === undefined ? [] : Object.keys(storage).filter((key) => key.startsWith(RESULT)))
  const choices = (): Choices => {
    const stored = read(`${PREFIX}choices`)
    return v.parse(choicesSchema, typeof stored === 'object' && stored !== null ? stored : {})
  }

  return {
    choices,
    remember: (change) => write(`${PREFIX}choices`, { ...choices(), ...change }),
    results: () =>
      new Map(
        keys().flatMap((key) => {
          const results = readResults(read(key))
          return results === undefined ? [] : [[key.slice(RESULT.length), results] as const]
        }),
      ),
    keepResults: (message, results) => write(RESULT + message, results),
    forget: () => keys().forEach((key) => storage?.removeItem(key)),
  }
}

export function toThreshold({ mode, number, maxError, escalationRate }: ThresholdChoice): Threshold {
  switch (mode) {
    case 'number':
      return number
    case 'maxError':
      return { maxError }
    case 'escalationRate':
      return { escalationRate }
  }
}
