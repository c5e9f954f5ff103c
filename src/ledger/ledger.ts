import type { LedgerEntry } from '../contracts/records.ts'
import type { Store } from '../contracts/store.ts'
import { UsageError } from '../errors/usage-error.ts'
import { canonicalJson } from '../utils/json.ts'

/** `since`: milliseconds since the epoch, inclusive. Default: everything. */
export interface Since {
  readonly since?: number | undefined
}

export interface LedgerTotals {
  readonly entries: number
  /** In the currency of the price list. */
  readonly money: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly promptTokens: number
  readonly completionTokens: number
}

/** What left the device, why, and what it cost. Append-only; everything rejects with a StoreError where storage fails. */
export interface Ledger {
  /**
   * Resolves once the entry is on disk. The same entry twice is one entry.
   * @throws UsageError `invalid-option` for another entry under an id that is taken: nothing here is ever rewritten.
   */
  append(entry: LedgerEntry): Promise<void>
  /** Oldest first. */
  list(range?: Since): Promise<readonly LedgerEntry[]>
  totals(range?: Since): Promise<LedgerTotals>
  /** RFC 4180 with a header, and no cell that a spreadsheet would run as a formula. */
  toCsv(range?: Since): Promise<string>
  /** The entries as a JSON array. */
  toJson(range?: Since): Promise<string>
}

const COLUMNS = [
  'id',
  'request',
  'at',
  'task',
  'settled',
  'reason',
  'redacted',
  'model',
  'bytesSent',
  'bytesReceived',
  'promptTokens',
  'completionTokens',
  'money',
] as const satisfies readonly (keyof LedgerEntry)[]

/** The ledger in the store's collection `ledger`. */
export function createLedger({ store }: { readonly store: Store }): Ledger {
  const list = ({ since }: Since = {}): Promise<readonly LedgerEntry[]> =>
    store.read(['ledger'], (tx) => tx.list('ledger', 'at', { from: since }))

  return {
    list,
    append: (entry) =>
      store.write(
        ['ledger'],
        async (tx) => {
          const known = await tx.get('ledger', entry.id)
          if (known === undefined) return tx.put('ledger', entry)
          if (canonicalJson(known) === canonicalJson(entry)) return undefined
          throw new UsageError('invalid-option', `The ledger has another entry of the id ${entry.id}. Give each exchange its own.`)
        },
        { durability: 'strict' },
      ),
    totals: async (range) => {
      const entries = await list(range)
      const sum = (pick: (entry: LedgerEntry) => number): number => entries.reduce((total, entry) => total + pick(entry), 0)
      return {
        entries: entries.length,
        money: sum((entry) => entry.money),
        bytesSent: sum((entry) => entry.bytesSent),
        bytesReceived: sum((entry) => entry.bytesReceived),
        promptTokens: sum((entry) => entry.promptTokens),
        completionTokens: sum((entry) => entry.completionTokens),
      }
    },
    toCsv: async (range) => {
      const rows = (await list(range)).map((entry) => COLUMNS.map((column) => cell(column, entry)).join(','))
      return [COLUMNS.join(','), ...rows, ''].join('\r\n')
    },
    toJson: async (range) => JSON.stringify(await list(range), null, 2),
  }
}

function cell(column: (typeof COLUMNS)[number], entry: LedgerEntry): string {
  const value = column === 'at' ? new Date(entry.at).toISOString() : entry[column]
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'object' ? JSON.stringify(value) : (value ?? '')
  // A leading apostrophe makes spreadsheets take it for text (OWASP, CSV Injection).
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text
  return /["',\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
