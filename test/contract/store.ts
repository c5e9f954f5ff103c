import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { LedgerEntry, OutboxEntry, ThreadRecord } from '../../src/contracts/records.ts'
import type { Store } from '../../src/contracts/store.ts'
import { compareKeys, type Key } from '../../src/store/keys.ts'
import { isRecord } from '../../src/utils/json.ts'

/** A store, and how to open a second one on the same data, where there is such a thing. */
export interface StoreUnderTest {
  readonly store: Store
  readonly dispose: () => Promise<void>
}

/** What every `Store` promises. */
export function describeStore(name: string, make: (options: { readonly deadline: number }) => Promise<StoreUnderTest>): void {
  describe(`store: ${name}`, () => {
    let store: Store
    let dispose: () => Promise<void>

    beforeEach(async () => {
      ;({ store, dispose } = await make({ deadline: 5000 }))
    })
    afterEach(() => dispose())

    const put = (...records: readonly ThreadRecord[]): Promise<void> =>
      store.write(['threads'], async (tx) => {
        for (const record of records) await tx.put('threads', record)
      })
    const ids = (index: string, range?: Parameters<Parameters<Parameters<Store['read']>[1]>[0]['list']>[2]): Promise<string[]> =>
      store.read(['threads'], async (tx) => (await tx.list('threads', index, range)).map((record) => record.id))

    test('gives back what was put, and undefined for what was not', async () => {
      await put(thread('a', 1))
      expect(await store.read(['threads'], (tx) => tx.get('threads', 'a'))).toEqual(thread('a', 1))
      expect(await store.read(['threads'], (tx) => tx.get('threads', 'b'))).toBeUndefined()
    })

    test('puts replace, deletes delete, counts count; deleting nothing is no fault', async () => {
      await put(thread('a', 1), thread('b', 2), thread('a', 3))
      await store.write(['threads'], async (tx) => {
        await tx.delete('threads', 'b')
        await tx.delete('threads', 'never')
      })
      expect(await store.read(['threads'], (tx) => tx.count('threads'))).toBe(1)
      expect(await ids('updatedAt', { from: 3 })).toEqual(['a'])
      expect(await ids('updatedAt', { to: 2 })).toEqual([])
    })

    test('reads its own writes within a transaction', async () => {
      const seen = await store.write(['threads'], async (tx) => {
        await tx.put('threads', thread('a', 1))
        await tx.put('threads', thread('b', 2))
        await tx.delete('threads', 'a')
        return { a: await tx.get('threads', 'a'), all: await tx.list('threads', 'id'), count: await tx.count('threads') }
      })
      expect(seen).toEqual({ a: undefined, all: [thread('b', 2)], count: 1 })
    })

    test('a throw takes everything back and reaches the caller unchanged', async () => {
      await put(thread('a', 1), thread('b', 1))
      const mistake = new Error('mine')
      const write = store.write(['threads', 'ledger'], async (tx) => {
        await tx.put('threads', thread('a', 2))
        await tx.delete('threads', 'b')
        await tx.put('threads', thread('c', 3))
        await tx.put('ledger', ledgerEntry('l', 1))
        throw mistake
      })
      await expect(write).rejects.toBe(mistake)
      expect(await store.read(['threads'], (tx) => tx.list('threads', 'updatedAt'))).toEqual([thread('a', 1), thread('b', 1)])
      expect(await store.read(['ledger'], (tx) => tx.count('ledger'))).toBe(0)
    })

    test('a failed call fails the transaction, even if the work goes on', async () => {
      const write = store.write(['threads'], async (tx) => {
        await tx.put('threads', thread('a', 1))
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types might do
        const unclonable = { ...thread('b', 1), extra: () => 1 } as ThreadRecord
        await tx.put('threads', unclonable).catch(() => undefined)
      })
      await expect(write).rejects.toMatchObject({ code: 'store-failed', name: 'StoreError' })
      expect(await ids('id')).toEqual([])
    })

    test.each<[string, () => Promise<unknown>]>([
      ['an unknown index', () => store.read(['threads'], (tx) => tx.list('threads', 'nope'))],
      ['a collection outside the transaction', () => store.read(['threads'], (tx) => tx.get('ledger', 'x'))],
      ['a write in a read', () => store.read(['threads'], (tx) => tx.put('threads', thread('a', 1)))],
      ['a delete in a read', () => store.read(['threads'], (tx) => tx.delete('threads', 'a'))],
      ['a transaction on nothing', () => store.write([], async () => undefined)],
      ['a bound that is no key', () => store.read(['threads'], (tx) => tx.list('threads', 'updatedAt', { from: Number.NaN }))],
    ])('%s is a typed error', async (_what, run) => {
      await expect(run()).rejects.toMatchObject({ code: 'store-failed', retryable: false })
      expect(await ids('id')).toEqual([])
    })

    test('a transaction kept for later is of no use', async () => {
      let kept: Parameters<Parameters<Store['write']>[1]>[0] | undefined
      await store.write(['threads'], async (tx) => {
        kept = tx
        await tx.put('threads', thread('a', 1))
      })
      await expect(kept?.put('threads', thread('b', 1))).rejects.toMatchObject({ code: 'store-failed' })
      expect(await ids('id')).toEqual(['a'])
    })

    test('work that never ends is ended by the deadline, and the store goes on', async () => {
      const slow = await make({ deadline: 50 })
      const write = slow.store.write(['threads'], () => new Promise<void>(() => undefined))
      await expect(write).rejects.toMatchObject({ code: 'store-failed', retryable: true, details: { milliseconds: 50 } })
      await slow.store.write(['threads'], (tx) => tx.put('threads', thread('z', 1)))
      expect(await slow.store.read(['threads'], (tx) => tx.count('threads'))).toBe(1)
      await slow.dispose()
    })

    test('records are copies, going in and coming out', async () => {
      const value = { list: [1] }
      await store.write(['outbox'], async (tx) => {
        await tx.put('outbox', outboxEntry('a', value))
        value.list.push(2)
      })
      const first = await store.read(['outbox'], (tx) => tx.get('outbox', 'a'))
      expect(first?.input).toEqual({ list: [1] })
      if (isRecord(first?.input) && Array.isArray(first.input['list'])) first.input['list'].push(3)
      expect((await store.read(['outbox'], (tx) => tx.list('outbox', 'id')))[0]?.input).toEqual({ list: [1] })
    })

    test('keeps what structured clone keeps', async () => {
      const input = {
        date: new Date(5),
        map: new Map([['a', new Set([1])]]),
        bytes: new Float32Array([0.5, -1]),
        big: 7n,
        none: undefined,
      }
      await store.write(['outbox'], (tx) => tx.put('outbox', outboxEntry('a', input)), { durability: 'strict' })
      expect((await store.read(['outbox'], (tx) => tx.get('outbox', 'a')))?.input).toEqual(input)
    })

    test('concurrent increments do not lose one another', async () => {
      await put(thread('n', 0))
      const increment = (): Promise<void> =>
        store.write(['threads'], async (tx) => {
          const record = await tx.get('threads', 'n')
          await tx.put('threads', thread('n', (record?.updatedAt ?? 0) + 1))
        })
      await Promise.all(Array.from({ length: 20 }, increment))
      expect((await store.read(['threads'], (tx) => tx.get('threads', 'n')))?.updatedAt).toBe(20)
    })

    test('a read sees all of a write or nothing of it', async () => {
      const seen: Promise<number>[] = []
      for (let i = 0; i < 10; i += 1) {
        void store.write(['threads'], async (tx) => {
          await tx.put('threads', thread(`a${i}`, i))
          await tx.put('threads', thread(`b${i}`, i))
        })
        seen.push(store.read(['threads'], (tx) => tx.count('threads')))
      }
      const counts = await Promise.all(seen)
      expect(counts.map((count) => count % 2)).toEqual(counts.map(() => 0))
      expect(counts.at(-1)).toBe(20)
    })

    test('lists in the order of the index, ties by id, with bounds, limit and both directions', async () => {
      await put(thread('d', 2), thread('a', 3), thread('c', 1), thread('b', 2))
      expect(await ids('id')).toEqual(['a', 'b', 'c', 'd'])
      expect(await ids('updatedAt')).toEqual(['c', 'b', 'd', 'a'])
      expect(await ids('updatedAt', { descending: true })).toEqual(['a', 'd', 'b', 'c'])
      expect(await ids('updatedAt', { from: 2 })).toEqual(['b', 'd', 'a'])
      expect(await ids('updatedAt', { to: 2 })).toEqual(['c', 'b', 'd'])
      expect(await ids('updatedAt', { from: 2, to: 2 })).toEqual(['b', 'd'])
      expect(await ids('updatedAt', { limit: 2 })).toEqual(['c', 'b'])
      expect(await ids('updatedAt', { from: 2, limit: 1, descending: true })).toEqual(['a'])
      expect(await ids('updatedAt', { to: 2, limit: 2, descending: true })).toEqual(['d', 'b'])
      expect(await ids('updatedAt', { limit: 0 })).toEqual([])
      expect(await ids('updatedAt', { limit: 0, descending: true })).toEqual([])
      expect(await ids('updatedAt', { from: 3, to: 1 })).toEqual([])
      expect(await ids('updatedAt', { limit: 99, descending: true })).toEqual(['a', 'd', 'b', 'c'])
    })

    test('a compound index is listed by its prefix', async () => {
      await store.write(['messages'], async (tx) => {
        for (const [threadId, sequence] of [
          ['t', 10],
          ['t', 9],
          ['s', 1],
          ['u', 0],
          ['t', 100],
        ] as const) {
          await tx.put('messages', { id: `${threadId}${sequence}`, threadId, sequence, role: 'user', content: '', createdAt: 0 })
        }
      })
      const list = (range: object): Promise<readonly string[]> =>
        store.read(['messages'], async (tx) => (await tx.list('messages', 'thread', range)).map((message) => message.id))
      expect(await list({ from: ['t'], to: ['t', []] })).toEqual(['t9', 't10', 't100'])
      expect(await list({ from: ['t'], to: ['t', []], descending: true, limit: 1 })).toEqual(['t100'])
      expect(await list({ from: ['t', 10], to: ['t', 99] })).toEqual(['t10'])
    })

    test('a record without the indexed key is in the collection and not in the index', async () => {
      await put(thread('a', 1), thread('b', Number.NaN))
      expect(await ids('updatedAt')).toEqual(['a'])
      expect(await ids('id')).toEqual(['a', 'b'])
      await put(thread('b', 0))
      expect(await ids('updatedAt')).toEqual(['b', 'a'])
    })

    test('orders any keys as IndexedDB does', async () => {
      const leaf = fc.oneof(
        fc.double({ noNaN: true }),
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.constantFrom('', '\uffff', '\ud83d\ude00', -0),
      )
      const key = fc.letrec<{ key: Key }>((tie) => ({
        key: fc.oneof({ maxDepth: 2 }, leaf, fc.array(tie('key'), { maxLength: 3 })),
      })).key
      await fc.assert(
        fc.asyncProperty(fc.array(key, { maxLength: 8 }), key, key, fc.boolean(), async (keys, from, to, descending) => {
          await store.clear(['outcomes'])
          await store.write(['outcomes'], async (tx) => {
            for (const [i, calibration] of keys.entries()) await tx.put('outcomes', anyKeyed(`r${i}`, calibration))
          })
          const range = { from: bound(from), to: bound(to), descending }
          const got = await store.read(['outcomes'], (tx) => tx.list('outcomes', 'calibration', range))
          const expected = keys
            .map((each, i) => ({ each, id: `r${i}` }))
            .filter(({ each }) => compareKeys(each, from) >= 0 && compareKeys(each, to) <= 0)
            .sort((a, b) => compareKeys(a.each, b.each) || (a.id < b.id ? -1 : 1))
            .map(({ id }) => id)
          expect(got.map(({ id }) => id)).toEqual(descending ? expected.toReversed() : expected)
        }),
        { numRuns: 60 },
      )
    })

    test('any run of transactions leaves what a map would hold', async () => {
      const change = fc.record({
        id: fc.constantFrom('a', 'b', 'c', 'd'),
        at: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
      })
      const transaction = fc.record({ changes: fc.array(change, { maxLength: 5 }), fails: fc.boolean() })
      await fc.assert(
        fc.asyncProperty(fc.array(transaction, { maxLength: 6 }), async (transactions) => {
          await store.clear()
          const model = new Map<string, ThreadRecord>()
          const runs = transactions.map(async ({ changes, fails }) => {
            const run = store.write(['threads'], async (tx) => {
              for (const { id, at } of changes)
                await (at === undefined ? tx.delete('threads', id) : tx.put('threads', thread(id, at)))
              if (fails) throw new Error('taken back')
            })
            await (fails ? expect(run).rejects.toThrow('taken back') : run)
          })
          for (const { changes, fails } of transactions) {
            if (fails) continue
            for (const { id, at } of changes) {
              if (at === undefined) model.delete(id)
              else model.set(id, thread(id, at))
            }
          }
          await Promise.all(runs)
          const expected = [...model.values()].sort((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1))
          expect(await store.read(['threads'], (tx) => tx.list('threads', 'updatedAt'))).toEqual(expected)
        }),
        { numRuns: 60 },
      )
    })

    test('clears what is named, or everything', async () => {
      const fill = (): Promise<void> =>
        store.write(['threads', 'ledger', 'outbox'], async (tx) => {
          await tx.put('threads', thread('a', 1))
          await tx.put('ledger', ledgerEntry('a', 1))
          await tx.put('outbox', outboxEntry('a', 1))
        })
      const counts = (): Promise<readonly number[]> =>
        store.read(['threads', 'ledger', 'outbox'], (tx) =>
          Promise.all([tx.count('threads'), tx.count('ledger'), tx.count('outbox')]),
        )
      await fill()
      await store.clear(['ledger', 'outbox'])
      expect(await counts()).toEqual([1, 0, 0])
      await fill()
      await store.clear()
      expect(await counts()).toEqual([0, 0, 0])
    })

    test('a closed store says so', async () => {
      await store.close()
      await expect(put(thread('a', 1))).rejects.toMatchObject({ code: 'store-unavailable' })
      await expect(ids('id')).rejects.toMatchObject({ code: 'store-unavailable' })
    })
  })
}

export function thread(id: string, updatedAt: number): ThreadRecord {
  return { id, title: `thread ${id}`, createdAt: 0, updatedAt }
}

export function ledgerEntry(id: string, at: number): LedgerEntry {
  return {
    id,
    request: 'r1',
    at,
    task: 'triage',
    settled: 'frontier',
    reason: 'score-above-threshold',
    redacted: {},
    bytesSent: 1,
    bytesReceived: 2,
    promptTokens: 3,
    completionTokens: 4,
    money: 0.5,
  }
}

export function outboxEntry(id: string, input: unknown): OutboxEntry {
  const request = { idempotencyKey: id, messages: [], maxTokens: 1 }
  return { id, state: 'waiting', task: 'triage', input, request, tries: 0, createdAt: 0, dueAt: 0 }
}

function anyKeyed(id: string, calibration: Key): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the index takes any key; the record's type, only strings
  return { id, calibration, signals: {}, createdAt: 0 } as never
}

function bound(key: Key): IDBValidKey {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the DOM's type for a key has no readonly arrays
  return key as IDBValidKey
}
