import { beforeEach, expect, test } from 'vitest'

import { createThreads, type NewMessage, type Threads } from '../../../src/context/threads.ts'
import type { Store } from '../../../src/contracts/store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { broken, faulty } from '../store/faulty-store.ts'

let store: Store
let time: number
let threads: Threads
let ids: number

beforeEach(() => {
  store = createMemoryStore()
  time = 1000
  ids = 0
  threads = createThreads({ store, now: () => time, newId: () => `id${(ids += 1)}` })
})

const say = (...contents: readonly string[]): readonly NewMessage[] => contents.map((content) => ({ role: 'user', content }))
const contents = async (id: string, page?: Parameters<Threads['messages']>[1]): Promise<readonly string[]> =>
  (await threads.messages(id, page)).map(({ content }) => content)

test('threads are made, found, renamed, and listed by their last use', async () => {
  const a = await threads.create({ title: 'first' })
  expect(a).toEqual({ id: 'id1', title: 'first', createdAt: 1000, updatedAt: 1000 })
  time = 2000
  await threads.create({ id: 'b' })
  time = 3000
  await threads.append(a.id, say('hello'))
  expect((await threads.list()).map(({ id }) => id)).toEqual(['id1', 'b'])
  expect((await threads.list({ limit: 1 })).map(({ id }) => id)).toEqual(['id1'])
  expect(await threads.rename(a.id, 'renamed')).toEqual({ ...a, title: 'renamed', updatedAt: 3000 })
  expect(await threads.get(a.id)).toMatchObject({ title: 'renamed' })
})

test('making a thread that is there gives the one that is there', async () => {
  const made = await threads.create({ id: 'a', title: 'one' })
  time = 2000
  expect(await threads.create({ id: 'a', title: 'two' })).toEqual(made)
})

test('a thread that is not there is undefined, has no messages, and cannot be renamed into being', async () => {
  expect(await threads.get('x')).toBeUndefined()
  expect(await threads.rename('x', 'y')).toBeUndefined()
  expect(await threads.messages('x')).toEqual([])
  expect(await threads.list()).toEqual([])
})

test('the first append makes the thread; sequences count up from 0', async () => {
  await threads.append('t', say('a', 'b'))
  time = 2000
  const appended = await threads.append('t', [{ role: 'assistant', content: 'c', source: { where: 'device', model: 'm' } }])
  expect(appended).toEqual([
    {
      id: 'id3',
      threadId: 't',
      sequence: 2,
      role: 'assistant',
      content: 'c',
      source: { where: 'device', model: 'm' },
      createdAt: 2000,
    },
  ])
  expect((await threads.messages('t')).map(({ sequence }) => sequence)).toEqual([0, 1, 2])
  expect(await threads.get('t')).toEqual({ id: 't', title: '', createdAt: 1000, updatedAt: 2000 })
})

test('threads do not see each other, even where one id begins with another', async () => {
  await threads.append('t', say('a'))
  await threads.append('t2', say('b'))
  await threads.append('t', say('c'))
  expect(await contents('t')).toEqual(['a', 'c'])
  expect(await contents('t2')).toEqual(['b'])
})

test('concurrent appends neither share a sequence number nor lose a message', async () => {
  await Promise.all(Array.from({ length: 10 }, (_, i) => threads.append('t', say(`${i}a`, `${i}b`))))
  const all = await threads.messages('t', { limit: 100 })
  expect(all.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  for (let i = 0; i < 20; i += 2) expect(all[i + 1]?.content).toBe(all[i]?.content.replace('a', 'b'))
})

test('pages go back from the newest, which stands last', async () => {
  await threads.append('t', say('0', '1', '2', '3', '4', '5', '6'))
  expect(await contents('t', { limit: 3 })).toEqual(['4', '5', '6'])
  expect(await contents('t', { limit: 3, before: 4 })).toEqual(['1', '2', '3'])
  expect(await contents('t', { limit: 3, before: 1 })).toEqual(['0'])
  expect(await contents('t', { limit: 3, before: 0 })).toEqual([])
  expect(await contents('t', { limit: 0 })).toEqual([])
  expect(await contents('t')).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test('a turn and a page read as much of a long thread as of a short one', async () => {
  let read = 0
  const counting: Store = {
    ...store,
    read: (names, work) => store.read(names, (tx) => work(countReads(tx))),
    write: (names, work, options) => store.write(names, (tx) => work(countReads(tx)), options),
  }
  function countReads(tx: Parameters<Parameters<Store['read']>[1]>[0]): typeof tx {
    return {
      get: tx.get.bind(tx),
      put: tx.put.bind(tx),
      delete: tx.delete.bind(tx),
      count: tx.count.bind(tx),
      list: async (...arguments_) => {
        const found = await tx.list(...arguments_)
        read += found.length
        return found
      },
    }
  }
  const counted = createThreads({ store: counting, now: () => time, newId: () => `id${(ids += 1)}` })
  const turn = async (): Promise<number> => {
    read = 0
    await counted.append('t', say('question', 'answer'))
    await counted.messages('t', { limit: 10 })
    return read
  }
  for (let i = 0; i < 9; i += 1) await turn()
  const short = await turn()
  await threads.append('t', say(...Array.from({ length: 5000 }, () => 'x')))
  expect(await turn()).toBe(short)
  expect(short).toBe(12)
})

test('a deleted thread takes its messages with it, and no others', async () => {
  await threads.append('t', say('a', 'b'))
  await threads.append('u', say('c'))
  await threads.delete('t')
  expect(await threads.get('t')).toBeUndefined()
  expect(await store.read(['messages'], (tx) => tx.count('messages'))).toBe(1)
  expect(await contents('u')).toEqual(['c'])
  await threads.append('t', say('again'))
  expect((await threads.messages('t')).map(({ sequence }) => sequence)).toEqual([0])
})

test('an append that fails is a typed error and leaves nothing', async () => {
  await threads.append('t', say('a'))
  const bad = createThreads({ store, now: () => time, newId: () => 'same' })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types might do
  const unclonable = { role: 'user', content: 'c', source: () => 1 } as unknown as NewMessage
  await expect(bad.append('t', [...say('b'), unclonable])).rejects.toMatchObject({ code: 'store-failed' })
  expect(await contents('t')).toEqual(['a'])
  const { store: dead } = faulty(store, () => broken)
  await expect(createThreads({ store: dead, now: () => time, newId: () => 'i' }).append('t', say('d'))).rejects.toBe(broken)
})
