import type { IDBPDatabase, IDBPTransaction } from 'idb'

import type { CollectionName, Collections } from '../contracts/store.ts'

/** Index name -> key path. A record without a valid key at the path is not in that index. */
export type Indexes = Readonly<Record<string, string | readonly string[]>>

/** Every collection's indexes. The key path is `id` everywhere, and `id` is an index everywhere. */
export const COLLECTIONS: Readonly<Record<CollectionName, Indexes>> = {
  threads: { updatedAt: 'updatedAt' },
  messages: { thread: ['threadId', 'sequence'] },
  cache: { usedAt: 'usedAt', createdAt: 'createdAt' },
  outcomes: { calibration: 'calibration', createdAt: 'createdAt' },
  calibrators: {},
  outbox: { due: 'dueAt', state: 'state', createdAt: 'createdAt' },
  ledger: { at: 'at' },
  loads: { at: 'at' },
}

/** The same, as `idb` types it. */
export type Schema = {
  [N in CollectionName]: { key: string; value: Collections[N]; indexes: Record<string, IDBValidKey> }
}

/**
 * One step of the database's version, run inside the upgrade transaction: if it throws, the version before stays as it was.
 * It sees whatever shape the database had then, so it is untyped. Await nothing but the transaction's own requests.
 */
export type Migration = (db: IDBPDatabase, tx: IDBPTransaction<unknown, string[], 'versionchange'>) => void | Promise<void>

/** `MIGRATIONS[n]` takes version n to n + 1. Published entries never change: a new shape is a new entry. */
export const MIGRATIONS: readonly Migration[] = [
  (db) => {
    for (const [name, indexes] of Object.entries(COLLECTIONS)) {
      const store = db.createObjectStore(name, { keyPath: 'id' })
      for (const [index, path] of Object.entries(indexes)) store.createIndex(index, typeof path === 'string' ? path : [...path])
    }
  },
]
