import type { Backend, LedgerEntry, LoadReport, OutboxEntry, Privacy, Settled } from 'transaxle'

import type { Inbox, InboxMessage } from './inbox.ts'
import type { MessageResults, TaskName } from './results.ts'
import type { Limits, Sample } from './routing.ts'
import type { Tasks } from './tasks.ts'

export type ModelKind = 'encoder' | 'generator'
export type BackendChoice = Backend | 'auto'
export type Pane = 'inbox' | 'panels'
export type Theme = 'system' | 'light' | 'dark'

/** `idle`: not asked for yet. */
export interface ModelState {
  readonly phase: 'idle' | 'loading' | 'ready' | 'failed'
  readonly stage?: 'download' | 'session' | 'self-check' | 'ready' | undefined
  readonly loaded: number
  readonly total: number
  /** Bytes per second of the download so far. */
  readonly rate: number
  readonly report?: LoadReport | undefined
  readonly error?: string | undefined
}

/** How the person sets the threshold. */
export interface ThresholdChoice {
  readonly mode: 'number' | 'maxError' | 'escalationRate'
  readonly number: number
  readonly maxError: number
  readonly escalationRate: number
}

export interface Filter {
  readonly search: string
  readonly intent: string
  readonly where: Settled | 'none' | 'any'
}

export interface Batch {
  readonly done: number
  readonly total: number
  readonly what: string
  readonly stop: () => void
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[]
  readonly money: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** Everything the page shows. Changed in place by the controller, which then asks for a new picture. */
export interface State {
  readonly inbox: Inbox
  readonly tasks: Tasks
  readonly byId: ReadonlyMap<string, InboxMessage>
  selected: string | undefined
  /** Which of the two a narrow screen shows; a wide one shows both. */
  pane: Pane
  filter: Filter
  readonly results: Map<string, MessageResults>
  /** `task:message` of what runs now, with what is going on. */
  readonly running: Map<string, { readonly since: number; readonly abort: AbortController }>
  readonly samples: Map<string, Sample>
  privacy: Privacy
  batch: Batch | undefined
  models: Readonly<Record<ModelKind, ModelState>>
  sizes: Readonly<Record<ModelKind, number | undefined>>
  /** Whether the language model was asked for, now or on an earlier visit: then it costs no click and no download. */
  generatorKept: boolean
  backend: BackendChoice
  choice: ThresholdChoice
  /** What the choice came out as, for each rung, and on what it stands. */
  limits: Limits
  basis: string | undefined
  /** Whether there is a calibrator: without one nothing can be scored. */
  calibrated: boolean
  offline: boolean
  online: boolean | undefined
  /** The model behind the gateway; `answer-key` where no real one is set. */
  frontier: string | undefined
  outbox: readonly OutboxEntry[]
  ledger: Ledger
  durable: boolean
  theme: Theme
  notice: string
  fatal: string | undefined
}

export const NO_MODEL: ModelState = { phase: 'idle', loaded: 0, total: 0, rate: 0 }

export function runningKey(task: TaskName, message: string): string {
  return `${task}:${message}`
}

export function createState(inbox: Inbox, tasks: Tasks): State {
  return {
    inbox,
    tasks,
    byId: new Map(inbox.messages.map((message) => [message.id, message])),
    selected: undefined,
    pane: 'inbox',
    filter: { search: '', intent: 'any', where: 'any' },
    results: new Map(),
    running: new Map(),
    samples: new Map(inbox.messages.map(({ id }) => [id, {}])),
    privacy: 'auto',
    batch: undefined,
    models: { encoder: NO_MODEL, generator: NO_MODEL },
    sizes: { encoder: undefined, generator: undefined },
    generatorKept: false,
    backend: 'auto',
    choice: { mode: 'number', number: 0.3, maxError: 0.1, escalationRate: 0.3 },
    limits: { encoder: 0.3, generator: 0.3 },
    basis: undefined,
    calibrated: false,
    offline: false,
    online: undefined,
    frontier: undefined,
    outbox: [],
    ledger: { entries: [], money: 0, bytesSent: 0, bytesReceived: 0 },
    durable: true,
    theme: 'system',
    notice: '',
    fatal: undefined,
  }
}

/** The messages that the filter lets through, in order of arrival, latest first. */
export function visibleMessages({ inbox, filter, results }: State): readonly InboxMessage[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  return inbox.messages
    .filter((message) => {
      const triage = results.get(message.id)?.triage
      if (filter.intent !== 'any' && triage?.value?.label !== filter.intent) return false
      if (filter.where !== 'any' && (triage?.settled ?? 'none') !== filter.where) return false
      const text = `${message.from.name} ${message.subject} ${message.body}`.toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .toReversed()
}
