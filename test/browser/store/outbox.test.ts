import { deleteDB } from 'idb'
import { afterEach, beforeEach, expect, test } from 'vitest'

import type { FrontierRequest } from '../../../src/contracts/frontier.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { Store } from '../../../src/contracts/store.ts'
import { createOutbox, type NewEntry, type Outbox } from '../../../src/outbox/outbox.ts'
import { openIndexedDbStore } from '../../../src/store/indexeddb-store.ts'

const source = { where: 'frontier', model: 'big' } as const
let made = 0
let name = ''
let lock = ''
let stores: Store[] = []
let sent: string[] = []

beforeEach(() => {
  name = `outbox-${made++}`
  lock = `lock-${name}`
  stores = []
  sent = []
})
afterEach(async () => {
  for (const store of stores) await store.close()
  await deleteDB(name)
})

async function openTab(): Promise<{ readonly store: Store; readonly outbox: Outbox }> {
  const store = await openIndexedDbStore({ name, indexedDB })
  stores.push(store)
  const outbox = createOutbox({
    store,
    now: () => 1000,
    random: () => 0.5,
    locks: navigator.locks,
    lock,
    frontier: respond,
    finish: async (_entry, text) => ({ ok: true, value: text }),
  })
  return { store, outbox }
}

async function* respond({ idempotencyKey }: FrontierRequest): AsyncGenerator<Part> {
  sent.push(idempotencyKey)
  yield { type: 'delta', source, text: `echo ${idempotencyKey}` }
  // A turn of the event loop, so that others get theirs.
  await new Promise((resolve) => setTimeout(resolve))
  yield { type: 'finish', source, reason: 'stop', usage: { promptTokens: 1, completionTokens: 1 } }
}

const item = (id: string): NewEntry => ({
  task: 't',
  input: { id },
  request: { idempotencyKey: id, messages: [{ role: 'user', content: id }], maxTokens: 5 },
})

/** A worker that holds the outbox's lock, as another tab's drain would. */
async function holdElsewhere(): Promise<Worker> {
  const code = `navigator.locks.request(${JSON.stringify(lock)}, () => { postMessage('held'); return new Promise(() => {}) })`
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
  await new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }))
  return worker
}

test('several tabs drain at once, and every entry is sent exactly once', async () => {
  const tabs = await Promise.all([openTab(), openTab(), openTab()])
  for (const [i, { outbox }] of tabs.entries()) await Promise.all([0, 1, 2, 3].map((j) => outbox.enqueue(item(`e${i * 4 + j}`))))
  const ids = Array.from({ length: 12 }, (_, i) => `e${i}`)
  const drained = await Promise.all(tabs.map(({ outbox }) => outbox.drain()))
  expect(sent.toSorted()).toEqual(ids.toSorted())
  expect(drained.reduce((sum, { answered }) => sum + answered, 0)).toBe(12)
  const values = (await tabs[0].outbox.list()).map(({ value }) => value)
  expect(new Set(values)).toEqual(new Set(ids.map((id) => `echo ${id}`)))
})

test('a tab that dies while it sends: its entry waits for the lock, and is then sent again under the same key', async () => {
  const { store, outbox } = await openTab()
  const entry = await outbox.enqueue(item('a'))
  const dying = await holdElsewhere()
  await store.write(['outbox'], (tx) => tx.put('outbox', { ...entry, state: 'sending' }))
  const drained = outbox.drain()
  // While the other holds the lock, nobody else sends: three looks at the disk later, still nothing.
  for (let i = 0; i < 3; i += 1) expect(await outbox.list()).toMatchObject([{ state: 'sending' }])
  expect(sent).toEqual([])
  dying.terminate()
  expect(await drained).toMatchObject({ answered: 1 })
  expect(sent).toEqual(['a'])
  expect(await outbox.take('a')).toMatchObject({ value: 'echo a', tries: 1 })
})

test('a drain that waits for another tab can be aborted, and touches nothing', async () => {
  const { store, outbox } = await openTab()
  const entry = await outbox.enqueue(item('a'))
  const other = await holdElsewhere()
  await store.write(['outbox'], (tx) => tx.put('outbox', { ...entry, state: 'sending' }))
  const abort = new AbortController()
  const drained = outbox.drain(abort.signal)
  abort.abort()
  expect(await drained).toEqual({ answered: 0, failed: 0, nextDueAt: undefined })
  expect(await outbox.list()).toMatchObject([{ state: 'sending' }])
  other.terminate()
})

test('an acknowledged entry is there after the page is gone, and settles in the next one', async () => {
  const first = await openTab()
  await first.outbox.enqueue(item('a'))
  await first.store.close()
  const second = await openTab()
  expect(await second.outbox.list()).toMatchObject([{ id: 'a', state: 'waiting', input: { id: 'a' } }])
  expect(await second.outbox.drain()).toMatchObject({ answered: 1 })
})
