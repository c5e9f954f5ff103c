import { beforeEach, expect, test } from 'vitest'

import { createExactCache, type ExactCache, type ExactCacheOptions } from '../../../src/cache/exact-cache.ts'
import type { Store } from '../../../src/contracts/store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { broken, faulty, full } from '../store/faulty-store.ts'

const source = { where: 'frontier', model: 'm' } as const
let store: Store
let time: number

beforeEach(() => {
  store = createMemoryStore()
  time = 1000
})

const cacheOf = (options: Partial<ExactCacheOptions> = {}): ExactCache => createExactCache({ store, now: () => time, ...options })
const entry = (id: string, value: unknown = id): Parameters<ExactCache['put']>[0] => ({ id, task: 't', value, source })
const keys = (): Promise<readonly string[]> =>
  store.read(['cache'], async (tx) => (await tx.list('cache', 'id')).map(({ id }) => id))
const totalBytes = (): Promise<number> =>
  store.read(['cache'], async (tx) => (await tx.list('cache', 'id')).reduce((sum, { bytes }) => sum + bytes, 0))

test('gives back what was put, and misses what was not', async () => {
  const cache = cacheOf()
  await cache.put(entry('a', { label: 'refund' }))
  time = 2000
  expect(await cache.lookup('a')).toEqual({ value: { label: 'refund' }, source, createdAt: 1000 })
  expect(await cache.lookup('b')).toBeUndefined()
})

test('an entry grows too old to be given out, and is deleted at the next tidying', async () => {
  const cache = cacheOf({ maxAgeMs: 100, maxEntries: 2 })
  await cache.put(entry('a'))
  time = 1100
  expect(await cache.lookup('a')).toBeDefined()
  time = 1101
  expect(await cache.lookup('a')).toBeUndefined()
  await cache.put(entry('b'))
  await cache.put(entry('c'))
  expect(await keys()).toEqual(['b', 'c'])
})

test('the number of entries is bounded, and the least recently used go first', async () => {
  const cache = cacheOf({ maxEntries: 4 })
  for (const id of ['a', 'b', 'c', 'd']) {
    time += 1
    await cache.put(entry(id))
  }
  time += 1
  await cache.lookup('a')
  time += 1
  await cache.put(entry('e'))
  expect(await keys()).toEqual(['a', 'd', 'e'])
})

test('the bytes are bounded as UTF-8', async () => {
  const cache = cacheOf({ maxBytes: 100 })
  for (let i = 0; i < 30; i += 1) {
    time += 1
    await cache.put(entry(`k${i}`, 'äöü€'))
    expect(await totalBytes()).toBeLessThanOrEqual(100)
  }
  // Three of two bytes, one of three, two quotes: 11 each.
  expect(await store.read(['cache'], (tx) => tx.get('cache', 'k29'))).toMatchObject({ bytes: 11, usedAt: time })
})

test('the bytes of another session count', async () => {
  await cacheOf().put(entry('old', 'x'.repeat(90)))
  time += 1
  await cacheOf({ maxBytes: 100 }).put(entry('new', 'x'.repeat(50)))
  expect(await keys()).toEqual(['new'])
})

test('a value larger than the whole cache is left out, and throws nothing else out', async () => {
  const cache = cacheOf({ maxBytes: 50 })
  await cache.put(entry('a'))
  await cache.put(entry('big', 'x'.repeat(49)))
  expect(await keys()).toEqual(['a'])
})

test('a put replaces', async () => {
  const cache = cacheOf()
  await cache.put(entry('a', 1))
  await cache.put(entry('a', 2))
  expect(await cache.lookup('a')).toMatchObject({ value: 2 })
  expect(await keys()).toEqual(['a'])
})

test('a store that fails is a miss on lookup, and an error on put', async () => {
  const { store: bad } = faulty(store, () => broken)
  const cache = cacheOf({ store: bad })
  expect(await cache.lookup('a')).toBeUndefined()
  await expect(cache.put(entry('a'))).rejects.toBe(broken)
})

test('a store that takes no writes still answers', async () => {
  await cacheOf().put(entry('a'))
  const { store: readOnly, asked } = faulty(store, ({ mode }) => (mode === 'write' ? broken : undefined))
  expect(await cacheOf({ store: readOnly }).lookup('a')).toMatchObject({ value: 'a' })
  expect(asked.map(({ mode }) => mode)).toEqual(['read', 'write'])
})

test('a full disk: the older half goes, and the entry is tried once again', async () => {
  const before = cacheOf()
  for (const id of ['a', 'b', 'c', 'd']) {
    time += 1
    await before.put(entry(id))
  }
  let writes = 0
  const { store: nearlyFull } = faulty(store, ({ mode }) => (mode === 'write' && (writes += 1) === 1 ? full : undefined))
  time += 1
  await cacheOf({ store: nearlyFull }).put(entry('e'))
  expect(await keys()).toEqual(['c', 'd', 'e'])
})

test('a disk that stays full is an error, after one more try', async () => {
  const { store: alwaysFull, asked } = faulty(store, () => full)
  await expect(cacheOf({ store: alwaysFull }).put(entry('a'))).rejects.toBe(full)
  expect(asked.length).toBeLessThanOrEqual(3)
})

test('a value that is no plain data is a typed error', async () => {
  await expect(cacheOf().put(entry('a', 1n))).rejects.toMatchObject({ code: 'store-failed' })
})

test('clear empties it, and it goes on', async () => {
  const cache = cacheOf()
  await cache.put(entry('a'))
  await cache.clear()
  expect(await cache.lookup('a')).toBeUndefined()
  await cache.put(entry('b'))
  expect(await keys()).toEqual(['b'])
})
