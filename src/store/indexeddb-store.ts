import type { IDBPDatabase, IDBPTransaction } from 'idb'

import type { CollectionName, Collections, Range, Store, Transaction } from '../contracts/store.ts'
import { StoreError } from '../errors/store-error.ts'
import { TimeoutError } from '../errors/timeout-error.ts'
import { withDeadline } from '../utils/deadline.ts'
import { nameOf, storeFailure, unavailable } from './failure.ts'
import { compareKeys, isKey } from './keys.ts'
import { abortQuietly, openDatabase } from './open-database.ts'
import { COLLECTIONS, type Migration, MIGRATIONS, type Schema } from './schema.ts'

export interface IndexedDbOptions {
  readonly name: string
  readonly indexedDB: IDBFactory
  /** Milliseconds for opening the database. Default 5,000. */
  readonly openDeadline?: number | undefined
  /** Milliseconds for one transaction. Default 30,000. */
  readonly deadline?: number | undefined
  /** Default: the schema's own. */
  readonly migrations?: readonly Migration[] | undefined
}

type Mode = 'readonly' | 'readwrite'
type Tx = IDBPTransaction<Schema, CollectionName[], Mode>

/**
 * A store on IndexedDB; resolves once the database is open. A connection that was lost (ended by the browser, closed for another
 * tab's upgrade) is opened again by the next call; a transaction that the loss rolled back is run a second time.
 * @throws StoreError, see `openDatabase`.
 */
export async function openIndexedDbStore(options: IndexedDbOptions): Promise<Store> {
  const { name, indexedDB: factory, openDeadline = 5000, deadline = 30_000, migrations = MIGRATIONS } = options
  let opening: Promise<IDBPDatabase<Schema>> | undefined
  let closed = false

  const connect = (): Promise<IDBPDatabase<Schema>> => {
    if (closed) return Promise.reject(unavailable(`The store ${name} was closed.`))
    if (opening !== undefined) return opening
    const forget = (): void => {
      if (opening === mine) opening = undefined
    }
    const mine = openDatabase({ name, factory, migrations, deadline: openDeadline, onGone: forget })
    mine.catch(forget)
    opening = mine
    return mine
  }

  const transact = async <T>(
    mode: Mode,
    names: readonly CollectionName[],
    work: (tx: IdbTransaction) => Promise<T>,
    durability: 'strict' | 'relaxed' = 'relaxed',
  ): Promise<T> => {
    for (let again = false; ; again = true) {
      const connection = connect()
      const db = await connection
      try {
        return await runTransaction(begin(db, names, mode, durability), mode, work, deadline)
      } catch (error) {
        if (!(error instanceof Lost)) throw error
        if (opening === connection) opening = undefined
        db.close()
        if (again) throw storeFailure(error.cause, 'twice in a row the connection was lost')
      }
    }
  }

  await connect()
  return {
    kind: { name: 'indexeddb' },
    read: (names, work) => transact('readonly', names, work),
    write: (names, work, { durability } = {}) => transact('readwrite', names, work, durability),
    clear: (names = collectionNames()) =>
      transact('readwrite', names, async (tx) => {
        await Promise.all(names.map((each) => tx.clear(each)))
      }),
    close: async () => {
      closed = true
      const db = await opening?.catch(() => undefined)
      db?.close()
    },
  }
}

/** The connection went away, and took the transaction with it: nothing of it was written. */
class Lost extends Error {}

/** Names of errors that a dead connection causes: at the begin of a transaction, or by rolling it back. */
const LOSSES = new Set(['InvalidStateError', 'UnknownError', 'AbortError'])

function begin(db: IDBPDatabase<Schema>, names: readonly CollectionName[], mode: Mode, durability: 'strict' | 'relaxed'): Tx {
  try {
    return db.transaction([...names], mode, { durability })
  } catch (cause) {
    if (nameOf(cause) === 'InvalidStateError') throw new Lost('closed', { cause })
    throw storeFailure(cause, `a transaction on ${names.join(', ')}`)
  }
}

async function runTransaction<T>(tx: Tx, mode: Mode, work: (tx: IdbTransaction) => Promise<T>, deadline: number): Promise<T> {
  const ended = tx.done.then(
    () => ({ complete: true }) as const,
    (error: unknown) => ({ complete: false, error }) as const,
  )
  const operations = new IdbTransaction(tx)
  const attempt = async (): Promise<T> => {
    const value = await work(operations)
    if (operations.failure !== undefined) throw operations.failure
    if (mode === 'readonly') return value
    commitQuietly(tx)
    const end = await ended
    if (!end.complete) throw (operations.failure = storeFailure(end.error, 'committing'))
    return value
  }
  try {
    return await withDeadline(attempt(), 'a storage transaction', deadline)
  } catch (error) {
    const { failure } = operations
    // A request that is pending while its transaction is rolled back says only "aborted"; the transaction says why.
    // Read before our own abort: afterwards it says nothing.
    const cause = tx.error ?? failure?.cause
    abortQuietly(tx)
    if (error instanceof TimeoutError) {
      throw new StoreError('store-failed', error.message, { cause: error, retryable: true, details: error.details })
    }
    const end = await withDeadline(ended, 'the end of a storage transaction', deadline)
    if (failure === undefined) throw error
    if (end.complete) {
      throw new StoreError('store-failed', 'The transaction had ended: inside one, await nothing but its own calls.', { cause })
    }
    if (!end.complete && LOSSES.has(nameOf(cause))) throw new Lost('rolled back', { cause })
    throw cause === undefined ? failure : storeFailure(cause, 'a transaction')
  }
}

/** Saves a turn of the event loop; a transaction without requests may have ended by itself. */
function commitQuietly(tx: { commit(): void }): void {
  try {
    tx.commit()
  } catch {
    // Ended already, and `done` says how.
  }
}

/** The first failed call fails the transaction, also where `work` goes on after it. */
class IdbTransaction implements Transaction {
  readonly #tx: Tx
  failure: StoreError | undefined

  constructor(tx: Tx) {
    this.#tx = tx
  }

  get<N extends CollectionName>(name: N, id: string): Promise<Collections[N] | undefined> {
    return this.#call(`reading ${name}`, () => this.#tx.objectStore(name).get(id))
  }

  put<N extends CollectionName>(name: N, record: Collections[N]): Promise<void> {
    return this.#call(`writing ${name}`, async () => void (await this.#tx.objectStore(name).put?.(record)), true)
  }

  delete(name: CollectionName, id: string): Promise<void> {
    return this.#call(`deleting from ${name}`, async () => this.#tx.objectStore(name).delete?.(id), true)
  }

  clear(name: CollectionName): Promise<void> {
    return this.#call(`clearing ${name}`, async () => this.#tx.objectStore(name).clear?.(), true)
  }

  count(name: CollectionName): Promise<number> {
    return this.#call(`counting ${name}`, () => this.#tx.objectStore(name).count())
  }

  list<N extends CollectionName>(name: N, index: string, range: Range = {}): Promise<readonly Collections[N][]> {
    return this.#call(`listing ${name}`, async () => {
      const store = this.#tx.objectStore(name)
      const found: unknown = await listFrom(index === 'id' ? store : store.index(index), range)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- trust border: what was put there is there
      return found as readonly Collections[N][]
    })
  }

  async #call<T>(doing: string, request: () => Promise<T>, writes = false): Promise<T> {
    try {
      if (writes && this.#tx.mode === 'readonly') throw new Error('this transaction is for reading')
      return await request()
    } catch (error) {
      const failure = storeFailure(error, doing)
      this.failure ??= failure
      throw failure
    }
  }
}

/** What `idb`'s object stores and indexes have in common. */
interface Listable {
  getAll(query: IDBKeyRange | null, limit?: number): Promise<unknown[]>
  openCursor(query: IDBKeyRange | null, direction: 'prev'): Promise<Cursor | null>
}

interface Cursor {
  readonly value: unknown
  continue(): Promise<Cursor | null>
}

async function listFrom(source: Listable, { from, to, descending = false, limit }: Range): Promise<unknown[]> {
  // IndexedDB takes 0 for no limit, and bounds the wrong way round for an error.
  if (limit !== undefined && limit <= 0) return []
  if (isKey(from) && isKey(to) && compareKeys(from, to) > 0) return []
  const query = keyRange(from, to)
  if (!descending) return source.getAll(query, limit)
  if (limit === undefined) return (await source.getAll(query)).toReversed()
  const found: unknown[] = []
  let cursor = await source.openCursor(query, 'prev')
  while (cursor !== null) {
    found.push(cursor.value)
    cursor = found.length < limit ? await cursor.continue() : null
  }
  return found
}

function keyRange(from: IDBValidKey | undefined, to: IDBValidKey | undefined): IDBKeyRange | null {
  if (from === undefined) return to === undefined ? null : IDBKeyRange.upperBound(to)
  return to === undefined ? IDBKeyRange.lowerBound(from) : IDBKeyRange.bound(from, to)
}

function collectionNames(): readonly CollectionName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of COLLECTIONS is exactly this
  return Object.keys(COLLECTIONS) as CollectionName[]
}
