/** Every way a request can settle, with the real encoder, the real gateway, IndexedDB and workers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  classify,
  createRuntime,
  type OutboxEntry,
  type Runtime,
  type Task,
  type WhenUnknown,
  type WhenUnreachable,
} from 'transaxle'

import { parseInbox, textOf, type InboxMessage } from '../../../demo/inbox.ts'
import { createTasks } from '../../../demo/tasks.ts'

interface Mail {
  readonly subject: string
  readonly body: string
}

let runtime: Runtime
let messages: readonly InboxMessage[]
let triageOf: (rules: {
  whenUnknown: WhenUnknown
  whenUnreachable: readonly WhenUnreachable[]
}) => Task<Mail, { readonly label: string }>
const database = `settle-${crypto.randomUUID()}`

const worker = (): Worker => new Worker(new URL('../../../workers/engine.worker.ts', import.meta.url), { type: 'module' })

async function open(threshold = 0.5): Promise<Runtime> {
  return createRuntime({
    worker,
    models: { encoder: 'Xenova/all-MiniLM-L6-v2' },
    gateway: { url: '/v1', price: { input: 2, output: 8, currency: 'EUR' } },
    threshold,
    store: database,
  })
}

beforeAll(async () => {
  const inbox = parseInbox(await (await fetch('/data/inbox.json')).json())
  messages = inbox.messages.filter(({ split }) => split === 'calibration')
  const { input } = createTasks(inbox).triage
  triageOf = (rules) =>
    classify({
      name: 'triage',
      version: 1,
      input,
      text: textOf,
      instructions: 'Sort e-mail.',
      rungs: ['encoder'],
      labels: inbox.intents.map(({ id, description }) => ({
        id,
        description,
        examples: inbox.messages.filter(({ split, reference }) => split === 'train' && reference.intent === id).map(textOf),
      })),
      fallback: () => ({ label: 'other' }),
      ...rules,
    })
  runtime = await open()
})

afterAll(() => runtime.close())

const mailOf = (index: number): Mail => {
  const message = messages[index]
  if (message === undefined) throw new Error(`no message ${index}`)
  return { subject: message.subject, body: message.body }
}

describe('a real request settles', () => {
  test('on the device, and the second time from the cache', async () => {
    const task = triageOf({ whenUnknown: 'keep', whenUnreachable: ['refuse'] })
    const first = await runtime.run(task, mailOf(0))
    expect(first).toMatchObject({ settled: 'device', reason: { code: 'score-unknown-kept' }, cost: { bytesSent: 0, spent: 0 } })
    expect(first.cost.saved).toBeGreaterThan(0)
    expect(await first.done).toEqual([])
    const second = await runtime.run(task, mailOf(0))
    expect(second).toMatchObject({ settled: 'cache', value: first.value })
  })

  test('at the frontier, and the ledger says what left', async () => {
    const task = triageOf({ whenUnknown: 'escalate', whenUnreachable: ['refuse'] })
    const outcome = await runtime.run(task, mailOf(1))
    expect(outcome).toMatchObject({ settled: 'frontier', value: { label: messages[1]?.reference.intent } })
    expect(outcome.cost.spent).toBeGreaterThan(0)
    expect(await outcome.done).toEqual([])
    expect(await runtime.label(outcome, true)).toBe(false)
    const ledger = await runtime.ledger.list()
    expect(ledger.at(-1)).toMatchObject({ task: 'triage@1', settled: 'frontier', bytesSent: outcome.cost.bytesSent })
  })

  test('by its fallback, where it must stay on the device and nobody can tell how good the answer is', async () => {
    const task = triageOf({ whenUnknown: 'escalate', whenUnreachable: ['fallback'] })
    const before = (await runtime.ledger.list()).length
    const outcome = await runtime.run(task, mailOf(2), { privacy: 'device' })
    expect(outcome).toMatchObject({
      settled: 'fallback',
      value: { label: 'other' },
      reason: { code: 'fallback-must-stay-on-device' },
    })
    await outcome.done
    expect((await runtime.ledger.list()).length).toBe(before)
  })

  test('refused, offline, where the task allows nothing else', async () => {
    runtime.offline = true
    const outcome = await runtime.run(triageOf({ whenUnknown: 'escalate', whenUnreachable: ['refuse'] }), mailOf(3))
    runtime.offline = false
    expect(outcome).toMatchObject({ settled: 'refused', reason: { code: 'refused-offline' } })
  })

  test('queued, offline; a later page delivers it', async () => {
    const task = triageOf({ whenUnknown: 'escalate', whenUnreachable: ['queue', 'refuse'] })
    runtime.offline = true
    const outcome = await runtime.run(task, mailOf(4))
    expect(outcome).toMatchObject({ settled: 'queued', reason: { code: 'queued-offline' } })
    await runtime.close()

    runtime = await open()
    const delivered = new Promise<OutboxEntry>((resolve) => runtime.on('delivered', resolve))
    await runtime.register(task)
    const entry = await delivered
    expect(entry).toMatchObject({ id: outcome.id, state: 'answered', value: { label: messages[4]?.reference.intent } })
    expect(await runtime.outbox.take(outcome.id)).toMatchObject({ id: outcome.id })
    expect(await runtime.outbox.list()).toEqual([])
  })

  test('by its score, once labels have made a calibrator: the threshold moves it between device and frontier', async () => {
    const task = triageOf({ whenUnknown: 'keep', whenUnreachable: ['refuse'] })
    for (const message of messages) {
      const outcome = await runtime.run(task, { subject: message.subject, body: message.body }, { cache: false })
      await outcome.done
      await runtime.label(outcome, outcome.value?.label === message.reference.intent)
    }
    const fits = await runtime.calibrators.fit()
    expect(fits).toContainEqual(expect.objectContaining({ fitted: true, labels: messages.length }))

    const settled = async (threshold: number): Promise<string> => {
      runtime.threshold = threshold
      const outcome = await runtime.run(task, mailOf(5), { cache: false })
      return `${outcome.settled} ${outcome.reason.code}`
    }
    expect(await settled(0)).toBe('frontier score-above-threshold')
    expect(await settled(1)).toBe('device score-within-threshold')
  })

  test('delete everything leaves nothing', async () => {
    await runtime.deleteAll()
    expect(await runtime.ledger.list()).toEqual([])
    expect(await runtime.calibrators.exportCalibrators()).toEqual({ version: 1, calibrators: {} })
  })
})
