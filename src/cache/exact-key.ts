import { UsageError } from '../errors/usage-error.ts'
import { sha256Hex } from '../utils/hash.ts'
import { canonicalJson } from '../utils/json.ts'

export interface ExactKeyParts {
  readonly task: string
  readonly version: number
  /** The task's own hash: prompt, labels, examples, schema. */
  readonly hash: string
  /** The models that may answer. */
  readonly modelSet: readonly string[]
  readonly input: unknown
  /** Whatever else the answer depends on: the thread's history, for one. */
  readonly context?: unknown
}

/**
 * Equal requests have equal keys and, SHA-256 allowing, others do not: also where JSON alone would blur them (maps, sets, NaN).
 * @throws UsageError `invalid-input` for what has no value to compare: functions, symbols, cycles.
 */
export function exactKey(parts: ExactKeyParts): Promise<string> {
  return sha256Hex(canonicalJson(comparable(parts, [])))
}

/** `value` in terms of JSON. What JSON has no form for becomes an object with the single key `''`. */
function comparable(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw unkeyable(`a ${typeof value}`)
  if (value === undefined || typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) {
    return { '': String(value) }
  }
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) throw unkeyable('a cycle')
  const inner = (member: unknown): unknown => comparable(member, [...above, value])
  if (Array.isArray(value)) return value.map(inner)
  if (value instanceof Map || value instanceof Set) return { '': [value.constructor.name, [...value].map(inner)] }
  if (value instanceof ArrayBuffer) return inner(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) {
    return { '': [value.constructor.name, [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]] }
  }
  const kind = Object.getPrototypeOf(value) === null ? 'Object' : value.constructor.name
  if ('toJSON' in value && typeof value.toJSON === 'function') return { '': [kind, inner(value.toJSON())] }
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  // What keeps its content elsewhere (a file, a regular expression) would look like any other of its kind.
  if (kind !== 'Object' && members.length === 0) throw unkeyable(`a ${kind}`)
  const plain = Object.fromEntries(members.map(([name, member]) => [name, inner(member)]))
  return kind !== 'Object' || '' in plain ? { '': [kind, plain] } : plain
}

function unkeyable(what: string): UsageError {
  return new UsageError('invalid-input', `The input holds ${what}, which no two requests can be compared by. Give plain data.`)
}
