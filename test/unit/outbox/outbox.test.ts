import { beforeEach, expect, test, vi } from 'vitest'

import type { ErrorShape } from '../../../src/contracts/error-shape.ts'
import type { FrontierRequest } from '../../../src/contracts/frontier.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { OutboxEntry } from '../../../src/contracts/records.ts'
import type { Store } from '../../../src/contracts/store.ts'
import { AbortError } from '../../../src/errors/abort-error.ts'
import { createOutbox, type Delivery, type NewEntry, type Outbox, type OutboxOptions } from '../../../src/outbox/outbox.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { broken, faulty, full } from '../store/faulty-store.ts'

const source = { where: 'frontier', model: 'big' } as const
const usage = { promptTokens: 3, completionTokens: 2 }
const unavailable: ErrorShape = { code: 'gateway-failed', message: '503', retryable: true, details: { status: 503 } }
const offline: ErrorShape = { code: 'network', message: 'no connection', retryable: true }
const refused: ErrorShape = { code: 'gateway-refused', message: '400', retryable: false }

let store: Store
let time: number
/** Idempotency keys, as they were sent. */
let sent: string[]
/** What the frontier does with a request; answers `echo <key>` by default. */
let respond: (request: FrontierRequest, signal: AbortSignal) => AsyncIterable<Part>

beforeEach(() => {
  store = createMemoryStore()
  time = 1000
  sent = []
  respond = (request) => answer(`echo ${request.idempotencyKey}`)
})

async function* answer(text: string): AsyncGenerator<Part> {
  yield { type: 'start', source, id: 'x' }
  for (const piece of text.split(/(?<= )/)) yield { type: 'delta', source, text: piece }
  yield { type: 'finish', source, reason: 'stop', usage }
}

async function* fault(error: ErrorShape): AsyncGenerator<Part> {
  yield { type: 'error', source, error }
}

const outboxOf = (options: Partial<OutboxOptions> = {}): Outbox =>
  createOutbox({
    store,
    now: () => time,
    random: () => 0.5,
    finish: async (_entry, text) => ({ ok: true, value: { text } }),
    frontier: (request, signal, exchange) => {
      sent.push(request.idempotencyKey)
      exchange.bytesSent += 10
      return respond(request, signal)
    },
    ...options,
  })

const item = (id: string, threadId?: string): NewEntry => ({
  task: 't',
  input: { id },
  request: { idempotencyKey: id, messages: [{ role: 'user', content: id }], maxTokens: 5 },
  threadId,
})
const stateOf = async (id: string): Promise<Partial<OutboxEntry> | undefined> =>
  store.read(['outbox'], (tx) => tx.get('outbox', id))

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

test('an entry is on disk before enqueue resolves, due at once, under its idempotency key', async () => {
  const { store: seen, asked } = faulty(store, () => undefined)
  const entry = await outboxOf({ store: seen }).enqueue(item('a', 'th'))
  expect(asked).toEqual([{ mode: 'write', names: ['outbox'], durability: 'strict' }])
  expect(entry).toEqual({ ...item('a', 'th'), id: 'a', state: 'waiting', tries: 0, createdAt: 1000, dueAt: 1000 })
  expect(await stateOf('a')).toEqual(entry)
  expect(sent).toEqual([])
})

test('the same request queued twice is one entry and is sent once', async () => {
  const outbox = outboxOf()
  await Promise.all([outbox.enqueue(item('a')), outbox.enqueue(item('a'))])
  await outbox.drain()
  await outbox.enqueue(item('a'))
  await outbox.drain()
  expect(sent).toEqual(['a'])
})

test('a drain answers what is due, tells the listeners, and keeps the value on disk', async () => {
  const { store: seen, asked } = faulty(store, () => undefined)
  const outbox = outboxOf({ store: seen })
  const heard: [string, Delivery][] = []
  outbox.on('tried', (delivery) => heard.push(['tried', delivery]))
  outbox.on('settled', (delivery) => heard.push(['settled', delivery]))
  await outbox.enqueue(item('a'))
  expect(await outbox.drain()).toEqual({ answered: 1, failed: 0, nextDueAt: undefined })
  const answered = { id: 'a', state: 'answered', tries: 1, value: { text: 'echo a' } }
  expect(await stateOf('a')).toMatchObject(answered)
  const delivery = { exchange: { bytesSent: 10, bytesReceived: 0 }, usage, model: 'big', error: undefined }
  expect(heard).toMatchObject([
    ['tried', { ...delivery, entry: { id: 'a', state: 'sending', tries: 0 } }],
    ['settled', { ...delivery, entry: answered }],
  ])
  expect(asked.filter(({ mode }) => mode === 'write').every(({ durability }) => durability === 'strict')).toBe(true)
})

test('a listener that throws is the page’s problem, and one that was removed hears nothing', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const outbox = outboxOf()
  const mistake = new Error('mine')
  const heard = vi.fn()
  outbox.on('settled', () => {
    throw mistake
  })
  outbox.on('settled', heard)
  outbox.on('settled', heard)()
  await outbox.enqueue(item('a'))
  expect(await outbox.drain()).toMatchObject({ answered: 1 })
  expect(reported).toHaveBeenCalledExactlyOnceWith(mistake)
  expect(heard).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
})

test('oldest first, also among entries of one millisecond and after the clock was put back', async () => {
  const outbox = outboxOf({ parallel: 1 })
  await outbox.enqueue(item('z'))
  await outbox.enqueue(item('y'))
  time = 5
  await outbox.enqueue(item('x'))
  time = 2000
  await outbox.enqueue(item('w'))
  await outbox.drain()
  expect(sent).toEqual(['z', 'y', 'x', 'w'])
  expect((await outbox.list()).map(({ id }) => id)).toEqual(['z', 'y', 'x', 'w'])
})

test('no more than `parallel` at a time, and one at a time within a thread', async () => {
  let now = 0
  let most = 0
  const inThread = new Map<string, number>()
  respond = async function* (request) {
    const thread = request.idempotencyKey.slice(0, 1)
    const others = inThread.get(thread) ?? 0
    expect(others).toBe(0)
    inThread.set(thread, 1)
    most = Math.max(most, (now += 1))
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
    now -= 1
    inThread.set(thread, 0)
    yield* answer('ok')
  }
  const outbox = outboxOf({ parallel: 3 })
  for (const id of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1', 'd1', 'e1']) await outbox.enqueue(item(id, id.slice(0, 1)))
  expect(await outbox.drain()).toMatchObject({ answered: 8 })
  expect(most).toBe(3)
  expect(sent.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
})

test('within a thread a later entry waits for an earlier one that is to be tried again; others go on', async () => {
  respond = (request) => (request.idempotencyKey === 'a1' ? fault(unavailable) : answer('ok'))
  const outbox = outboxOf()
  for (const [id, thread] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['b1', 'b'],
    ['free', undefined],
  ] as const)
    await outbox.enqueue(item(id, thread))
  expect(await outbox.drain()).toEqual({ answered: 2, failed: 0, nextDueAt: 1500 })
  expect(await stateOf('a2')).toMatchObject({ state: 'waiting', tries: 0 })
  respond = () => answer('ok')
  time = 1500
  expect(await outbox.drain()).toEqual({ answered: 2, failed: 0, nextDueAt: undefined })
  expect(sent).toEqual(['a1', 'b1', 'free', 'a1', 'a2'])
})

test('a retryable fault waits longer each time, with the same key, until the tries are used up', async () => {
  respond = () => fault(unavailable)
  const outbox = outboxOf({ maxTries: 4, baseDelay: 100, maxDelay: 300 })
  await outbox.enqueue(item('a'))
  const due: (number | undefined)[] = []
  for (let i = 0; i < 4; i += 1) {
    const { nextDueAt } = await outbox.drain()
    due.push(nextDueAt === undefined ? undefined : nextDueAt - time)
    // Not a moment before it is due.
    time = (nextDueAt ?? time) - 1
    await outbox.drain()
    time += 1
  }
  expect(due).toEqual([50, 100, 150, undefined])
  expect(sent).toEqual(['a', 'a', 'a', 'a'])
  expect(await stateOf('a')).toMatchObject({ state: 'failed', tries: 4, error: unavailable })
  expect(await outbox.drain()).toEqual({ answered: 0, failed: 0, nextDueAt: undefined })
  expect(sent.length).toBe(4)
})

test.each([
  [2000, 2000],
  [10, 500],
  [9_999_999, 5000],
])('a server that asks for %d ms is given %d', async (retryAfter, waits) => {
  respond = () => fault({ code: 'gateway-refused', message: '429', retryable: true, details: { status: 429, retryAfter } })
  const outbox = outboxOf({ maxRetryAfter: 5000 })
  await outbox.enqueue(item('a'))
  expect((await outbox.drain()).nextDueAt).toBe(time + waits)
  expect(await stateOf('a')).toMatchObject({ state: 'waiting', tries: 1 })
})

test('without a network the drain stops at once, and no try is counted, however long it lasts', async () => {
  respond = () => fault(offline)
  const outbox = outboxOf({ maxTries: 2, parallel: 1, networkDelay: 1000 })
  for (const id of ['a', 'b', 'c']) await outbox.enqueue(item(id))
  for (let i = 0; i < 10; i += 1) {
    const before = sent.length
    const { nextDueAt } = await outbox.drain()
    expect(sent.length).toBe(before + 1)
    expect(nextDueAt).toBe(time + 500)
    time += 500
  }
  expect(await outbox.list()).toMatchObject([
    { state: 'waiting', tries: 0 },
    { state: 'waiting', tries: 0 },
    { state: 'waiting', tries: 0 },
  ])
  respond = () => answer('ok')
  time += 1000
  expect(await outbox.drain()).toMatchObject({ answered: 3 })
})

test('a fault that no retry can mend fails the entry at once; it is kept, and blocks nobody', async () => {
  respond = (request) => (request.idempotencyKey === 'a' ? fault(refused) : answer('ok'))
  const outbox = outboxOf({ parallel: 1 })
  const settled: Delivery[] = []
  outbox.on('settled', (delivery) => settled.push(delivery))
  await outbox.enqueue(item('a', 'th'))
  await outbox.enqueue(item('b', 'th'))
  expect(await outbox.drain()).toEqual({ answered: 1, failed: 1, nextDueAt: undefined })
  expect(settled.map(({ entry, error }) => [entry.id, entry.state, error])).toEqual([
    ['a', 'failed', refused],
    ['b', 'answered', undefined],
  ])
  expect(await stateOf('a')).toMatchObject({ state: 'failed', error: refused })
})

test.each<[string, () => AsyncIterable<Part>, Partial<OutboxEntry>]>([
  [
    'a stream without its end',
    async function* () {
      yield { type: 'delta', source, text: 'half' }
    },
    { state: 'waiting', tries: 1, error: { code: 'stream-truncated', message: expect.any(String), retryable: true } },
  ],
  [
    'a model that declines',
    async function* () {
      yield { type: 'finish', source, reason: 'content-filter', usage }
    },
    { state: 'failed', tries: 1, error: { code: 'gateway-refused', message: expect.any(String), retryable: false } },
  ],
  [
    'a frontier that throws',
    () => {
      throw new Error('a bug')
    },
    { state: 'failed', tries: 1, error: { code: 'gateway-failed', message: 'a bug', retryable: false } },
  ],
  ['a timeout', () => fault({ code: 'timeout', message: 'slow', retryable: true }), { state: 'waiting', tries: 1 }],
])('%s is no delivery', async (_what, how, expected) => {
  respond = how
  const outbox = outboxOf()
  await outbox.enqueue(item('a'))
  await outbox.drain()
  expect(await stateOf('a')).toMatchObject(expected)
  expect(await outbox.take('a')).toBeUndefined()
})

test('an answer that does not pass the task’s checks fails the entry, and is not asked for again', async () => {
  const outbox = outboxOf({ finish: async () => ({ ok: false, problem: 'no such label' }) })
  await outbox.enqueue(item('a'))
  expect(await outbox.drain()).toMatchObject({ failed: 1 })
  const error = { code: 'invalid-answer', retryable: false, message: expect.stringContaining('no such label') }
  expect(await stateOf('a')).toMatchObject({ state: 'failed', error })
})

test('a finish that throws, for a task that is gone, fails the entry with its error', async () => {
  const finish = async (): Promise<never> => {
    throw new Error('no task t')
  }
  const outbox = outboxOf({ finish })
  await outbox.enqueue(item('a'))
  expect(await outbox.drain()).toMatchObject({ failed: 1 })
  expect(await stateOf('a')).toMatchObject({ state: 'failed', error: { code: 'invalid-answer', message: 'no task t' } })
})

test('a value that cannot be stored fails the entry instead of being paid for again and again', async () => {
  const outbox = outboxOf({ finish: async () => ({ ok: true, value: () => 1 }) })
  await outbox.enqueue(item('a'))
  expect(await outbox.drain()).toMatchObject({ failed: 1 })
  expect(await stateOf('a')).toMatchObject({ state: 'failed', error: { code: 'store-failed' } })
  await outbox.drain()
  expect(sent).toEqual(['a'])
})

test('what a page that is gone left in `sending` is sent again, under the same key', async () => {
  const outbox = outboxOf()
  const entry = await outbox.enqueue(item('a'))
  await store.write(['outbox'], (tx) => tx.put('outbox', { ...entry, state: 'sending' }))
  expect(await outbox.drain()).toMatchObject({ answered: 1 })
  expect(sent).toEqual(['a'])
})

test('an answer is taken once; what is not answered is not to be taken', async () => {
  const outbox = outboxOf()
  await outbox.enqueue(item('a'))
  expect(await outbox.take('a')).toBeUndefined()
  await outbox.drain()
  const taken = await Promise.all([outbox.take('a'), outbox.take('a')])
  expect(taken.filter((entry) => entry !== undefined)).toMatchObject([{ id: 'a', value: { text: 'echo a' } }])
  expect(await outbox.list()).toEqual([])
})

test('a cancelled entry is gone, waiting or failed', async () => {
  respond = () => fault(refused)
  const outbox = outboxOf()
  await outbox.enqueue(item('a'))
  await outbox.drain()
  await outbox.enqueue(item('b'))
  await outbox.cancel('a')
  await outbox.cancel('b')
  await outbox.cancel('never')
  expect(await outbox.list()).toEqual([])
  await outbox.drain()
  expect(sent).toEqual(['a'])
})

test('cancelling while it is sent stops the sending; nothing comes back to life, and the try is told', async () => {
  const started = gate()
  respond = (_request, signal) => untilAborted(signal, started.open)
  const outbox = outboxOf()
  const events: string[] = []
  outbox.on('tried', ({ error }) => events.push(`tried ${error?.code}`))
  outbox.on('settled', () => events.push('settled'))
  await outbox.enqueue(item('a'))
  const drained = outbox.drain()
  await started.opened
  await outbox.cancel('a')
  expect(await drained).toEqual({ answered: 0, failed: 0, nextDueAt: undefined })
  expect(await outbox.list()).toEqual([])
  expect(events).toEqual(['tried aborted'])
})

test('cancelled in another tab while it is sent: the answer is dropped', async () => {
  const started = gate()
  const go = gate()
  respond = async function* () {
    started.open()
    await go.opened
    yield* answer('late')
  }
  const outbox = outboxOf()
  const settled = vi.fn()
  outbox.on('settled', settled)
  await outbox.enqueue(item('a'))
  const drained = outbox.drain()
  await started.opened
  await outboxOf().cancel('a')
  go.open()
  expect(await drained).toMatchObject({ answered: 0 })
  expect(await outbox.list()).toEqual([])
  expect(settled).not.toHaveBeenCalled()
})

test('an aborted drain leaves what it was sending waiting, at no try', async () => {
  const started = gate()
  const abort = new AbortController()
  respond = (_request, signal) => untilAborted(signal, started.open)
  const outbox = outboxOf({ parallel: 1 })
  await outbox.enqueue(item('a'))
  await outbox.enqueue(item('b'))
  const drained = outbox.drain(abort.signal)
  await started.opened
  abort.abort()
  expect(await drained).toEqual({ answered: 0, failed: 0, nextDueAt: 1000 })
  expect(await outbox.list()).toMatchObject([
    { id: 'a', state: 'waiting', tries: 0 },
    { id: 'b', state: 'waiting', tries: 0 },
  ])
  expect(sent).toEqual(['a'])
})

test('drains do not overlap; one that is asked for during another sees what came in between', async () => {
  const started = gate()
  const go = gate()
  respond = async function* (request) {
    if (request.idempotencyKey === 'a') {
      started.open()
      await go.opened
    }
    yield* answer('ok')
  }
  const outbox = outboxOf({ parallel: 1 })
  await outbox.enqueue(item('a'))
  const first = outbox.drain()
  await started.opened
  const [second, third] = [outbox.drain(), outbox.drain()]
  await outbox.enqueue(item('b'))
  go.open()
  await Promise.all([first, second, third])
  expect(sent).toEqual(['a', 'b'])
  expect((await outbox.list()).map(({ state }) => state)).toEqual(['answered', 'answered'])
})

test('each drain that is asked for during another is a new one', async () => {
  const outbox = outboxOf({ parallel: 1 })
  for (const id of ['a', 'b', 'c']) {
    const started = gate()
    const go = gate()
    respond = async function* () {
      started.open()
      await go.opened
      yield* answer('ok')
    }
    await outbox.enqueue(item(id))
    const first = outbox.drain()
    await started.opened
    await outbox.enqueue(item(`${id}-during`))
    let early = true
    const second = outbox.drain().then(() => expect(early).toBe(false))
    await outbox.list()
    early = false
    go.open()
    await Promise.all([first, second])
  }
  expect(sent).toEqual(['a', 'a-during', 'b', 'b-during', 'c', 'c-during'])
})

test('an entry that was put off while another worker held an old list is not sent before its time', async () => {
  const tried = gate()
  let reads = 0
  const lagging: Store = {
    ...store,
    read: async (names, work) => {
      reads += 1
      const second = reads === 2
      const result = await store.read(names, work)
      if (second) await tried.opened
      return result
    },
  }
  respond = () => fault(unavailable)
  const { store: seen } = faulty(lagging, () => undefined)
  const outbox = outboxOf({ store: seen, parallel: 2 })
  await outbox.enqueue(item('a'))
  const drained = outbox.drain()
  await vi.waitFor(async () => expect(await stateOf('a')).toMatchObject({ state: 'waiting', tries: 1 }))
  tried.open()
  expect(await drained).toMatchObject({ nextDueAt: 1500 })
  expect(sent).toEqual(['a'])
})

test('a full disk: room is made, and the write is tried once more', async () => {
  let fullFor = 1
  const { store: nearlyFull } = faulty(store, ({ mode }) => (mode === 'write' && fullFor-- > 0 ? full : undefined))
  const makeRoom = vi.fn(async () => undefined)
  const outbox = outboxOf({ store: nearlyFull, makeRoom })
  await outbox.enqueue(item('a'))
  expect(makeRoom).toHaveBeenCalledTimes(1)
  expect(await stateOf('a')).toMatchObject({ state: 'waiting' })
  fullFor = 2
  await expect(outbox.enqueue(item('b'))).rejects.toBe(full)
  expect(makeRoom).toHaveBeenCalledTimes(2)
  expect(await stateOf('b')).toBeUndefined()
})

test('a store that fails in the middle rejects the drain; the next one sends again under the same key', async () => {
  let dead = false
  const { store: dying } = faulty(store, () => (dead ? broken : undefined))
  respond = async function* (request) {
    dead = true
    yield* answer(`echo ${request.idempotencyKey}`)
  }
  const outbox = outboxOf({ store: dying })
  await outbox.enqueue(item('a'))
  await expect(outbox.drain()).rejects.toBe(broken)
  expect(await stateOf('a')).toMatchObject({ state: 'sending' })
  dead = false
  respond = (request) => answer(`echo ${request.idempotencyKey}`)
  expect(await outbox.drain()).toMatchObject({ answered: 1 })
  expect(sent).toEqual(['a', 'a'])
})

async function* untilAborted(signal: AbortSignal, started: () => void): AsyncGenerator<Part> {
  yield { type: 'start', source, id: 'x' }
  started()
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
  throw new AbortError()
}
