import { deleteDB, openDB } from 'idb'
import { afterEach, expect, test } from 'vitest'
import { cdp } from 'vitest/browser'

import type { Store } from '../../../src/contracts/store.ts'
import { openIndexedDbStore } from '../../../src/store/indexeddb-store.ts'
import { openStore } from '../../../src/store/open-store.ts'
import { COLLECTIONS, type Migration, MIGRATIONS } from '../../../src/store/schema.ts'
import { thread } from '../../contract/store.ts'

const open: { close(): void | Promise<void> }[] = []
let made = 0
let name = ''

/** The page's IndexedDB, with a hand on each connection that is opened through it. */
function watched(): { readonly factory: IDBFactory; readonly connections: IDBDatabase[] } {
  const connections: IDBDatabase[] = []
  const factory = fakeFactory((...arguments_) => {
    const request = indexedDB.open(...arguments_)
    request.addEventListener('success', () => connections.push(request.result))
    return request
  })
  return { factory, connections }
}

function fakeFactory(openIt: IDBFactory['open']): IDBFactory {
  return { open: openIt, cmp: indexedDB.cmp, databases: indexedDB.databases, deleteDatabase: indexedDB.deleteDatabase }
}

async function fresh(options: Partial<Parameters<typeof openIndexedDbStore>[0]> = {}): Promise<Store> {
  name = `browser-${made++}`
  await deleteDB(name)
  return reopen(options)
}

async function reopen(options: Partial<Parameters<typeof openIndexedDbStore>[0]> = {}): Promise<Store> {
  const store = await openIndexedDbStore({ name, indexedDB, ...options })
  open.push(store)
  return store
}

const putThread = (store: Store, id: string): Promise<void> => store.write(['threads'], (tx) => tx.put('threads', thread(id, 1)))
const threadIds = (store: Store): Promise<readonly string[]> =>
  store.read(['threads'], async (tx) => (await tx.list('threads', 'id')).map((record) => record.id))

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
  await deleteDB(name)
})

test('the migrations make exactly the collections and indexes of the schema', async () => {
  await fresh()
  const db = await openDB(name)
  open.push(db)
  expect(db.version).toBe(MIGRATIONS.length)
  expect([...db.objectStoreNames]).toEqual(Object.keys(COLLECTIONS).sort())
  for (const [collection, indexes] of Object.entries(COLLECTIONS)) {
    const store = db.transaction(collection).store
    expect(store.keyPath).toBe('id')
    expect(Object.fromEntries([...store.indexNames].map((index) => [index, store.index(index).keyPath]))).toEqual(indexes)
  }
})

test('what was written is there after closing and opening again', async () => {
  const store = await fresh()
  await store.write(['threads'], (tx) => tx.put('threads', thread('a', 1)), { durability: 'strict' })
  await store.close()
  expect(await threadIds(await reopen())).toEqual(['a'])
})

test('durability is asked for as the caller said', async () => {
  const { factory, connections } = watched()
  const store = await fresh({ indexedDB: factory })
  const asked: (string | undefined)[] = []
  for (const db of connections) {
    const transaction = db.transaction.bind(db)
    db.transaction = (names, mode, options) => {
      asked.push(options?.durability)
      return transaction(names, mode, options)
    }
  }
  await putThread(store, 'a')
  await store.write(['threads'], (tx) => tx.put('threads', thread('b', 1)), { durability: 'strict' })
  expect(asked).toEqual(['relaxed', 'strict'])
})

test('a connection that was closed under the store is opened again', async () => {
  const { factory, connections } = watched()
  const store = await fresh({ indexedDB: factory })
  await putThread(store, 'a')
  connections[0]?.close()
  await putThread(store, 'b')
  expect(await threadIds(store)).toEqual(['a', 'b'])
  expect(connections.length).toBe(2)
})

test('a transaction that is rolled back from outside is run again, and its work is there once', async () => {
  const { factory, connections } = watched()
  const store = await fresh({ indexedDB: factory })
  let transaction: IDBTransaction | undefined
  for (const db of connections) {
    const begin = db.transaction.bind(db)
    db.transaction = (...arguments_) => (transaction = begin(...arguments_))
  }
  let runs = 0
  const result = await store.write(['threads'], async (tx) => {
    runs += 1
    const count = await tx.count('threads')
    await tx.put('threads', thread(`t${count}`, 1))
    if (runs === 1) transaction?.abort()
    return runs
  })
  expect(result).toBe(2)
  expect(await threadIds(store)).toEqual(['t0'])
  expect(connections.length).toBe(2)
})

test('a connection that is lost again and again is a typed error, not a loop', async () => {
  const { factory, connections } = watched()
  const factoryOfTheDead = fakeFactory((...arguments_) => {
    const request = factory.open(...arguments_)
    request.addEventListener('success', () => request.result.close())
    return request
  })
  const store = await fresh({ indexedDB: factoryOfTheDead })
  await expect(putThread(store, 'a')).rejects.toMatchObject({ code: 'store-failed', cause: { name: 'InvalidStateError' } })
  expect(connections.length).toBe(2)
})

test('the browser ending the connection (storage cleared from outside) does not end the store', async () => {
  const { factory, connections } = watched()
  const store = await fresh({ indexedDB: factory })
  await putThread(store, 'a')
  const ended = new Promise((resolve) => connections[0]?.addEventListener('close', resolve))
  await cdp().send('Storage.clearDataForOrigin', { origin: location.origin, storageTypes: 'indexeddb' })
  await ended
  await putThread(store, 'b')
  expect(await threadIds(store)).toEqual(['b'])
  expect(connections.length).toBe(2)
})

test('makes room when another connection wants a newer version, and then says that the page is old', async () => {
  const store = await fresh()
  await putThread(store, 'a')
  const newer = await openDB(name, MIGRATIONS.length + 1, { upgrade: () => undefined })
  open.push(newer)
  expect(newer.version).toBe(MIGRATIONS.length + 1)
  await expect(putThread(store, 'b')).rejects.toMatchObject({ code: 'store-unavailable', cause: { name: 'VersionError' } })
})

test('makes room for a deletion, and starts afresh after it', async () => {
  const store = await fresh()
  await putThread(store, 'a')
  await deleteDB(name)
  expect(await threadIds(store)).toEqual([])
})

test('an upgrade that another tab blocks ends at the deadline, and works once the tab is gone', async () => {
  name = `browser-${made++}`
  await deleteDB(name)
  const old = await openDB(name, 1, { upgrade: (db) => void db.createObjectStore('threads', { keyPath: 'id' }) })
  const migrations: readonly Migration[] = [() => undefined, (db) => void db.createObjectStore('ledger', { keyPath: 'id' })]
  await expect(reopen({ migrations, openDeadline: 100 })).rejects.toMatchObject({
    code: 'store-unavailable',
    retryable: true,
    details: { blocked: true, milliseconds: 100 },
  })
  old.close()
  const store = await reopen({ migrations })
  await putThread(store, 'a')
  expect(await threadIds(store)).toEqual(['a'])
})

test('a database that does not answer is an error at the deadline', async () => {
  // The request of another database that is never opened: no event ever comes.
  const silent = fakeFactory(() => {
    const request = indexedDB.open('never')
    request.addEventListener('success', () => request.result.close())
    const quiet = new EventTarget()
    Object.setPrototypeOf(quiet, IDBOpenDBRequest.prototype)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a request that never answers cannot be made otherwise
    return quiet as IDBOpenDBRequest
  })
  await expect(openIndexedDbStore({ name: 'never', indexedDB: silent, openDeadline: 50 })).rejects.toMatchObject({
    code: 'store-unavailable',
    details: { blocked: false },
  })
  await deleteDB('never')
})

test('a version 1 database opens under version 2 with its data kept and moved', async () => {
  const store = await fresh()
  await putThread(store, 'a')
  await store.close()
  const seen: string[] = []
  const second: Migration = async (db, tx) => {
    db.createObjectStore('added', { keyPath: 'id' })
    for (const record of await tx.objectStore('threads').getAll()) {
      seen.push(record.id)
      await tx.objectStore('threads').put({ ...record, title: 'moved' })
    }
  }
  const third: Migration = (_db, tx) => void tx.objectStore('added').createIndex('at', 'at')
  const upgraded = await reopen({ migrations: [...MIGRATIONS, second, third] })
  expect(seen).toEqual(['a'])
  expect(await upgraded.read(['threads'], (tx) => tx.get('threads', 'a'))).toEqual({ ...thread('a', 1), title: 'moved' })
  await upgraded.close()
  const db = await openDB(name)
  open.push(db)
  expect(db.version).toBe(3)
  expect(db.transaction('added').store.indexNames).toContain('at')
})

test('a migration that fails half-way leaves the version before, whole', async () => {
  const store = await fresh()
  await putThread(store, 'a')
  await store.close()
  const broken: Migration = async (db, tx) => {
    db.deleteObjectStore('ledger')
    await tx.objectStore('threads').delete('a')
    throw new Error('power cut')
  }
  await expect(reopen({ migrations: [...MIGRATIONS, broken] })).rejects.toMatchObject({
    code: 'store-failed',
    cause: { message: 'power cut' },
  })
  const again = await reopen()
  expect(await threadIds(again)).toEqual(['a'])
  expect(await again.read(['ledger'], (tx) => tx.count('ledger'))).toBe(0)
})

test('a full disk is a quota error, the write leaves nothing, and the store goes on', async () => {
  const { origin } = location
  await cdp().send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5_000_000 })
  // Chromium remembers for a while how much room there was; not over this.
  await cdp().send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  const store = await fresh()
  await putThread(store, 'a')
  try {
    const fill = store.write(['outbox', 'threads'], async (tx) => {
      await tx.put('threads', thread('b', 1))
      for (let i = 0; i < 8; i += 1) {
        // Random bytes: what compresses well may still fit.
        const input = Array.from({ length: 32 }, () => crypto.getRandomValues(new Uint8Array(65_536)))
        const request = { idempotencyKey: `e${i}`, messages: [], maxTokens: 1 }
        await tx.put('outbox', { id: `e${i}`, state: 'waiting', task: 't', input, request, tries: 0, createdAt: 0, dueAt: 0 })
      }
    })
    await expect(fill).rejects.toMatchObject({ code: 'store-quota', retryable: false, cause: { name: 'QuotaExceededError' } })
    expect(await threadIds(store)).toEqual(['a'])
    expect(await store.read(['outbox'], (tx) => tx.count('outbox'))).toBe(0)
  } finally {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin })
    await cdp().send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  }
  await putThread(store, 'c')
})

test.each<[string, () => IDBOpenDBRequest]>([
  [
    'throws',
    () => {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    },
  ],
  [
    'fails',
    () => {
      const request = indexedDB.open(name, 1)
      // In a microtask, so that the store's own listener comes first.
      queueMicrotask(() => request.addEventListener('upgradeneeded', () => request.transaction?.abort()))
      return request
    },
  ],
])('an IndexedDB that %s falls back to memory, and says why', async (_how, openIt) => {
  name = `browser-${made++}`
  const reasons: string[] = []
  const store = await openStore({ name, indexedDB: fakeFactory(openIt), onFallback: ({ code }) => reasons.push(code) })
  expect(reasons).toEqual(['store-unavailable'])
  expect(store.kind).toMatchObject({ name: 'memory', reason: expect.stringContaining(name) })
  await putThread(store, 'a')
  expect(await threadIds(store)).toEqual(['a'])
})

test('opens IndexedDB where there is one, without a word', async () => {
  name = `browser-${made++}`
  const reasons: unknown[] = []
  const store = await openStore({ name, onFallback: (reason) => reasons.push(reason) })
  open.push(store)
  expect(store.kind).toEqual({ name: 'indexeddb' })
  expect(reasons).toEqual([])
})
