import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { ChatMessage } from '../contracts/engine.ts'
import type { Check, FrontierForm, Rung, Task, WhenUnknown, WhenUnreachable } from '../contracts/task.ts'
import { UsageError } from '../errors/usage-error.ts'
import { fingerprint } from '../utils/hash.ts'
import { canonicalJson, isRecord } from '../utils/json.ts'

/** What every kind of task lets an app choose. */
export interface TaskOptions<I, O> {
  /** Letters, digits, `.`, `_` and `-`; unique in the app. */
  readonly name: string
  /** A whole number from 1; raise it when the meaning of the answer changes. */
  readonly version: number
  readonly input: StandardSchemaV1<unknown, I>
  readonly checks?: readonly Check<I, O>[] | undefined
  /** An answer without any model, for when nothing else is possible. Deterministic. */
  readonly fallback?: ((input: I) => O | Promise<O>) | undefined
  /** Default `escalate`. */
  readonly whenUnknown?: WhenUnknown | undefined
  /** Default `['queue', 'fallback', 'refuse']`. */
  readonly whenUnreachable?: readonly WhenUnreachable[] | undefined
  /** Default true. */
  readonly cacheable?: boolean | undefined
}

export interface TaskDefinition<I, O> extends TaskOptions<I, O> {
  readonly output: StandardSchemaV1<unknown, O>
  /** Smallest first. Empty: the frontier answers. */
  readonly rungs: readonly Rung<I>[]
  readonly frontier: FrontierForm<I>
  /** Everything that shapes the answer and can change without `version`: prompt, labels, examples, schema. Hashed as JSON. */
  readonly prompt: unknown
  /** Default false. Only a task without checks can stream. */
  readonly streams?: boolean | undefined
  /** Default: the last message the frontier would get, and the answer: a text as it is, anything else as JSON. */
  readonly turn?: ((input: I, value: O) => readonly ChatMessage[]) | undefined
}

const UNREACHABLE: readonly WhenUnreachable[] = ['queue', 'fallback', 'refuse']

/**
 * An app's own task: fills in defaults and names the definition by a hash of its prompt.
 * @throws UsageError `invalid-option`, saying which option and what to change
 */
export function defineTask<I, O>(definition: TaskDefinition<I, O>): Task<I, O> {
  const { name, version, input, output, rungs, frontier, fallback, prompt } = definition
  const checks = definition.checks ?? []
  const streams = definition.streams ?? false
  const whenUnreachable = definition.whenUnreachable ?? UNREACHABLE
  const refuse = (option: string, problem: string): never => {
    throw new UsageError('invalid-option', `Task '${name}': ${option} ${problem}`, { details: { option } })
  }

  if (!/^[\w.-]{1,100}$/.test(name)) refuse('name', 'must be 1 to 100 letters, digits, ".", "_" or "-".')
  if (!Number.isInteger(version) || version < 1) refuse('version', 'must be a whole number from 1.')
  if (new Set(rungs.map(({ id }) => id)).size !== rungs.length) refuse('rungs', 'must have ids of their own: two are equal.')
  if (streams && checks.length > 0)
    refuse('streams', 'must be false where there are checks: what is shown could still be turned down.')
  if (definition.whenUnreachable?.includes('fallback') === true && fallback === undefined) {
    refuse('whenUnreachable', "names 'fallback', but there is none: add `fallback` or take it out.")
  }
  if (!Number.isInteger(frontier.maxTokens) || frontier.maxTokens < 1)
    refuse('frontier.maxTokens', 'must be a whole number from 1.')

  return {
    name,
    version,
    hash: fingerprint(canonicalJson([prompt, frontier.schema, rungs.map(({ id }) => id)])),
    input,
    output,
    rungs,
    checks,
    frontier,
    fallback,
    whenUnknown: definition.whenUnknown ?? 'escalate',
    whenUnreachable,
    cacheable: definition.cacheable ?? true,
    streams,
    turn:
      definition.turn ??
      ((given, value) => [...frontier.messages(given, []).slice(-1), { role: 'assistant', content: textOf(value) }]),
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return isRecord(value) && typeof value['text'] === 'string' ? value['text'] : JSON.stringify(value)
}
