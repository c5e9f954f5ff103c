import { UsageError } from '../errors/usage-error.ts'
import { isRecord } from '../utils/json.ts'
import type { ExtractRungOptions } from './extract.ts'

/** One property, as its JSON Schema and the examples describe it. */
export interface Field {
  readonly key: string
  /** The key in words: they are what the model has seen in its training. */
  readonly label: string
  readonly types: ReadonlySet<unknown>
  /** The only values there are, for an `enum`, a `const` or a boolean. */
  readonly choices: readonly unknown[] | undefined
  readonly pattern: RegExp | undefined
  /** Patterns of the other fields: what has the form of one of them is no value of this one. */
  readonly others: readonly RegExp[]
  /** Null is no value of it, and stands for its absence. */
  readonly optional: boolean
  /** Odds by the examples that the value is not null. */
  readonly odds: number
}

/**
 * The fields of an object, in the schema's order.
 * @throws UsageError `invalid-option` for a `pattern` that is no regular expression
 */
export function readFields<I, O>({ name, jsonSchema, properties, examples }: ExtractRungOptions<I, O>): readonly Field[] {
  const { required } = jsonSchema
  const patterns = new Map(Object.entries(properties).map(([key, schema]) => [key, patternOf(schema, `Task '${name}': ${key}`)]))
  return Object.entries(properties).map(([key, schema]): Field => {
    const { type, enum: listed, const: only } = isRecord(schema) ? schema : {}
    const types = new Set<unknown>(Array.isArray(type) ? type : [type])
    const optional = !(Array.isArray(required) && required.includes(key)) && !types.has('null')
    if (optional) types.add('null')
    const given = Array.isArray(listed) ? listed : only === undefined ? undefined : [only]
    const choices = given ?? (types.has('boolean') ? [true, false] : undefined)
    const there = examples.filter(({ output }) => member(output, key) !== null).length
    return {
      key,
      label: key.replace(/[_-]+/g, ' '),
      types,
      choices: choices !== undefined && types.has('null') ? [...new Set([...choices, null])] : choices,
      pattern: patterns.get(key),
      others: [...patterns].flatMap(([other, pattern]) => (other === key || pattern === undefined ? [] : [pattern])),
      optional,
      odds: (there + 0.5) / (examples.length - there + 0.5),
    }
  })
}

/** A member of an example's output; null where it has none. */
export function member(value: unknown, key: string): unknown {
  return isRecord(value) ? (value[key] ?? null) : null
}

function patternOf(schema: unknown, where: string): RegExp | undefined {
  const pattern = isRecord(schema) ? schema['pattern'] : undefined
  if (typeof pattern !== 'string') return undefined
  try {
    return new RegExp(pattern, 'u')
  } catch {
    throw new UsageError('invalid-option', `${where}: pattern must be a regular expression as JSON Schema has them (flag u).`, {
      details: { option: 'jsonSchema' },
    })
  }
}

/** A JSON scalar of one of the types; a text also without its quotes, or cut off before the last of them. */
export function readScalar(written: string, types: ReadonlySet<unknown>): unknown {
  for (const text of [written, `${written}"`]) {
    try {
      const value: unknown = JSON.parse(text)
      if (value === null ? types.has('null') : types.has(typeof value)) return value
      if (types.has('integer') && Number.isInteger(value)) return value
    } catch {
      // Not JSON: read as a bare text below, if the schema takes one.
    }
  }
  const bare = written.replace(/^"|"$/g, '').trim()
  return types.has('string') && bare !== '' ? bare : undefined
}
