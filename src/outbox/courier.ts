import type { LedgerEntry, OutboxEntry } from '../contracts/records.ts'
import type { Redacted, Stages } from '../contracts/stages.ts'
import type { Task } from '../contracts/task.ts'
import { judge, type Checked } from '../utils/judge.ts'
import { createOutbox, type Delivery, type Outbox, type OutboxOptions } from './outbox.ts'

/** Milliseconds until the outbox is looked at again while the gateway is away, and the least between two looks. */
const OFFLINE_PAUSE = 15_000
const SHORTEST_PAUSE = 1000

export interface CourierOptions extends Omit<OutboxOptions, 'finish' | 'accepts'> {
  /** Whether the gateway answers now. */
  readonly online: () => Promise<boolean>
  readonly redact: Stages['redact']
  readonly price: Stages['price']
  readonly newId: () => string
  readonly appendLedger: (entry: LedgerEntry) => Promise<void>
  readonly onDelivered: (entry: OutboxEntry) => void
  /** Ends the courier. */
  readonly signal: AbortSignal
}

/** Sends what waits in the outbox whenever the gateway is there, and makes its answers what any frontier answer is. */
export interface Courier {
  readonly outbox: Outbox
  /** Tasks are code: an entry can be sent and its answer read only in a page that knows its task. */
  know<I, O>(task: Task<I, O>): void
  /** Looks at the outbox now: at the start, when the network is back, when something was put in. */
  wake(): void
}

/** What the courier needs of a task, without its types. */
interface KnownTask {
  readonly finish: (entry: OutboxEntry, text: string) => Promise<Checked<unknown>>
  readonly redacted: (entry: OutboxEntry) => Promise<Redacted | undefined>
}

export function createCourier(options: CourierOptions): Courier {
  const { online, redact, price, now, newId, appendLedger, onDelivered, signal } = options
  const known = new Map<string, KnownTask>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const outbox = createOutbox({
    ...options,
    accepts: ({ task }) => known.has(task),
    finish: async (entry, text) =>
      (await known.get(entry.task)?.finish(entry, text)) ?? { ok: false, problem: 'its task is not known here.' },
  })
  // Told once the ledger has it, so that whoever is told can look up what left.
  const recording = new Map<string, Promise<void>>()
  outbox.on('tried', (delivery) =>
    recording.set(
      delivery.entry.id,
      record(delivery).catch(() => {}),
    ),
  )
  outbox.on('settled', ({ entry }) => void tell(entry))
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })

  async function tell(entry: OutboxEntry): Promise<void> {
    await recording.get(entry.id)
    recording.delete(entry.id)
    onDelivered(entry)
  }

  async function drain(): Promise<void> {
    if (signal.aborted) return
    if (!(await online())) return wakeAt(now() + OFFLINE_PAUSE)
    // A store that cannot be read now can be later; until then the entries are where they are.
    const { nextDueAt } = await outbox.drain(signal).catch(() => ({ nextDueAt: now() + OFFLINE_PAUSE }))
    if (nextDueAt !== undefined) wakeAt(nextDueAt)
  }

  function wakeAt(time: number): void {
    clearTimeout(timer)
    if (!signal.aborted) timer = setTimeout(() => void drain(), Math.min(Math.max(time - now(), SHORTEST_PAUSE), OFFLINE_PAUSE))
  }

  async function record({ entry, exchange, usage, model, error }: Delivery): Promise<void> {
    const tokens = { prompt: usage?.promptTokens ?? 0, completion: usage?.completionTokens ?? 0 }
    const redacted = await known.get(entry.task)?.redacted(entry)
    await appendLedger({
      id: newId(),
      request: entry.id,
      at: now(),
      task: entry.task,
      settled: error === undefined ? 'frontier' : 'failed',
      reason: 'from-the-outbox',
      redacted: redacted?.counts ?? {},
      model,
      ...exchange,
      promptTokens: tokens.prompt,
      completionTokens: tokens.completion,
      money: price(tokens).money,
    })
  }

  return {
    outbox,
    know: (task) => void known.set(`${task.name}@${task.version}`, knownTask(task, redact)),
    wake: () => void drain(),
  }
}

/** An answer from the outbox goes the way of every frontier answer: restored, parsed, checked. */
function knownTask<I, O>(task: Task<I, O>, redact: Stages['redact']): KnownTask {
  async function read({ input, history = [] }: OutboxEntry): Promise<{ input: I; redacted: Redacted } | undefined> {
    const checked = await task.input['~standard'].validate(input)
    if (checked.issues !== undefined) return undefined
    return { input: checked.value, redacted: await redact(task.frontier.messages(checked.value, history)) }
  }
  return {
    redacted: async (entry) => (await read(entry))?.redacted,
    async finish(entry, text) {
      const asked = await read(entry)
      if (asked === undefined) return { ok: false, problem: 'its input does not fit the task any more.' }
      return judge(task, asked.input, task.frontier.parse(asked.redacted.restore(text)))
    },
  }
}
