import { type IDBPDatabase, wrap } from 'idb'

import { TimeoutError } from '../errors/timeout-error.ts'
import { withDeadline } from '../utils/deadline.ts'
import { nameOf, storeFailure, unavailable } from './failure.ts'
import type { Migration, Schema } from './schema.ts'

export interface DatabaseOptions {
  readonly name: string
  readonly factory: IDBFactory
  readonly migrations: readonly Migration[]
  /** Milliseconds for opening, other tabs' closing and the migrations together. */
  readonly deadline: number
  /** The connection can no longer be used: it was ended from outside, or it made room for a newer version. */
  readonly onGone: () => void
}

/**
 * Opens the database at version `migrations.length`, running the migrations that are due, in order, in one transaction.
 * @throws StoreError `store-unavailable`: no answer in time, blocked by another tab, a newer version, storage refused.
 * `store-failed`: a migration threw; the database is as it was. `store-quota`: the disk is full.
 */
export async function openDatabase(options: DatabaseOptions): Promise<IDBPDatabase<Schema>> {
  const { name, factory, migrations, deadline, onGone } = options
  let blocked = false
  let late = false
  let broken: { readonly cause: unknown } | undefined
  try {
    const request = factory.open(name, migrations.length)
    request.addEventListener('blocked', () => (blocked = true))
    request.addEventListener('upgradeneeded', (event) => {
      const { transaction } = request
      if (transaction === null) return
      migrate(request.result, transaction, migrations.slice(event.oldVersion)).catch((cause: unknown) => {
        broken = { cause }
        abortQuietly(transaction)
      })
    })
    request.addEventListener('success', () => {
      const db = request.result
      // Nobody waits for it any more, and an open connection would block everybody else's upgrade.
      if (late) return db.close()
      db.addEventListener('close', onGone)
      db.addEventListener('versionchange', () => {
        db.close()
        onGone()
      })
    })
    const opened: unknown = await withDeadline(wrap(request), 'the database', deadline)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- trust border: the migrations made it so
    return opened as IDBPDatabase<Schema>
  } catch (error) {
    late = true
    if (broken !== undefined) throw storeFailure(broken.cause, `migrating the database ${name}`)
    if (error instanceof TimeoutError) {
      const why = blocked ? 'another tab keeps an older version of it open; close that tab' : 'the browser does not answer'
      throw unavailable(`The database ${name} did not open within ${deadline} ms: ${why}.`, {
        cause: error,
        retryable: true,
        details: { name, blocked, milliseconds: deadline },
      })
    }
    if (nameOf(error) === 'QuotaExceededError') throw storeFailure(error, `opening the database ${name}`)
    if (nameOf(error) === 'VersionError') {
      throw unavailable(`The database ${name} is of a newer version of this app than this page: reload the page.`, { cause: error })
    }
    throw unavailable(`The browser refuses the database ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

async function migrate(raw: IDBDatabase, transaction: IDBTransaction, due: readonly Migration[]): Promise<void> {
  const db = wrap(raw)
  const wrapped = wrap(transaction)
  // Its failure arrives at the open request, which is where it is handled.
  wrapped.done.catch(() => undefined)
  const tx: unknown = wrapped
  for (const step of due) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- idb does not type the mode of a wrapped transaction
    await step(db, tx as Parameters<Migration>[1])
  }
}

/** Aborts a transaction; one that has ended already is left alone. */
export function abortQuietly(tx: { abort(): void }): void {
  try {
    tx.abort()
  } catch {
    // Ended already: there is nothing to take back.
  }
}
