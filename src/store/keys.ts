/** What keys are made of here. IndexedDB's dates and binary keys are left out: no index of the schema has one. */
export type Key = number | string | readonly Key[]

/** Whether IndexedDB would take `value` as a key (Indexed Database API 3.0, section 2.4), of the kinds used here. */
export function isKey(value: unknown): value is Key {
  if (Array.isArray(value)) return value.every(isKey)
  return typeof value === 'string' || (typeof value === 'number' && !Number.isNaN(value))
}

/** IndexedDB's order: numbers before strings (by code unit) before arrays (by member, the shorter first). < 0, 0 or > 0. */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === 'object' && typeof b === 'object') {
    for (let i = 0; i < a.length && i < b.length; i += 1) {
      const [left, right] = [a[i], b[i]]
      const order = left === undefined || right === undefined ? 0 : compareKeys(left, right)
      if (order !== 0) return order
    }
    return a.length - b.length
  }
  if (typeof a !== typeof b) return rank(a) - rank(b)
  return a < b ? -1 : a > b ? 1 : 0
}

function rank(key: Key): number {
  return typeof key === 'number' ? 0 : typeof key === 'string' ? 1 : 2
}
