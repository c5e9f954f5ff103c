import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { ChatMessage } from '../contracts/engine.ts'
import type { Check, Rung, Task } from '../contracts/task.ts'
import { canonicalJson, isRecord } from '../utils/json.ts'
import { defineTask, type TaskOptions } from './define-task.ts'
import { fetchedRung } from './fetched-rung.ts'
import { readJson } from './read-json.ts'

const FIELDS = {
  id: 'fields',
  kind: 'generator',
  summary: 'The values one by one by the language model, after a few examples',
} as const

const JSON_TEXT = { id: 'generate', kind: 'generator', summary: 'JSON by the language model after a few examples' } as const

export interface Example<O> {
  /** A text in the form that `text` gives. */
  readonly input: string
  readonly output: O
}

export interface ExtractOptions<I, O> extends TaskOptions<I, O> {
  readonly output: StandardSchemaV1<unknown, O>
  /**
   * The same as JSON Schema: an object with `properties`. The frontier model gets it, and its key order is the answer's. On the device,
   * `type`, `enum`, `const`, `required` and, with `grounded`, `pattern` say what a value may be: a text with a `pattern` is looked up in
   * the source by it.
   */
  readonly jsonSchema: Readonly<Record<string, unknown>>
  /** The text to read. */
  readonly text: (input: I) => string
  /** What to extract, in a few sentences. */
  readonly instructions: string
  /**
   * Worth more than any wording: ten short ones, some with nulls, read better than five. All are in every device prompt; the engine
   * keeps what prompts have in common, so only the first request pays for them. How often a value is null among them is how often
   * it is expected to be.
   */
  readonly examples: readonly Example<O>[]
  /** Adds the check that every string in the answer stands in the text, but for those with an `enum` in the schema. Default false. */
  readonly grounded?: boolean | undefined
  /** Of the answer. Default 96. */
  readonly maxTokens?: number | undefined
}

/** What the rungs of `extract` are made of; their code is fetched with the first answer. */
export interface ExtractRungOptions<I, O> extends Pick<
  ExtractOptions<I, O>,
  'name' | 'output' | 'jsonSchema' | 'text' | 'instructions' | 'examples'
> {
  readonly grounded: boolean
  readonly maxTokens: number
  /** Handed in, since the core entry needs it too: a file that both import would be one more file of the core. */
  readonly parse: typeof readJson
  readonly properties: Readonly<Record<string, unknown>>
  /** Of the answer, in their order. */
  readonly keys: readonly string[]
  /** Members whose values come from a list, so that they need not stand in the text. */
  readonly enums: ReadonlySet<string>
}

/**
 * Text in, one JSON object out. Device rung `fields`, where all properties are scalar: value by value, greedy, after the examples;
 * keys, quotes and brackets come from the schema. Else device rung `generate`: the object as one text, with one repair pass.
 * @throws UsageError `invalid-option`
 */
export function extract<I, O>(options: ExtractOptions<I, O>): Task<I, O> {
  const { jsonSchema, text, instructions, examples, grounded = false, maxTokens = 96 } = options
  const properties = isRecord(jsonSchema['properties']) ? jsonSchema['properties'] : {}
  const enums = new Set(Object.keys(properties).filter((key) => isListed(properties[key])))
  const first = examples[0]?.output
  const keys = Object.keys(isRecord(first) ? first : properties)
  const made = { ...options, grounded, maxTokens, properties, enums, keys, parse: readJson }
  const schemas = Object.values(properties)
  const rung: Rung<I> =
    schemas.length > 0 && schemas.every(isScalar)
      ? fetchedRung<I>(FIELDS, async () => (await import('./extract-fields.ts')).fieldsRung(made))
      : {
          ...JSON_TEXT,
          answer: async (...args) => (await import('./extract-json.ts')).jsonRung(made).answer(...args),
          repair: async (...args) => (await import('./extract-json.ts')).jsonRung(made).repair(...args),
        }
  const inText: Check<I, O> = {
    name: 'grounded',
    judge: async (value, input) =>
      (await import('./extract-signals.ts')).groundingSignals(value, text(input), enums)['grounded'] === 1
        ? undefined
        : 'a value does not stand in the text; use its words or null',
  }

  return defineTask({
    ...options,
    rungs: [rung],
    checks: [...(grounded ? [inText] : []), ...(options.checks ?? [])],
    frontier: {
      messages: (input) => [
        {
          role: 'system',
          content: `${instructions}\n\nAnswer with one JSON object that follows this JSON Schema, and nothing else:\n${canonicalJson(jsonSchema)}`,
        },
        ...examples.flatMap(({ input, output }): ChatMessage[] => [
          { role: 'user', content: input },
          { role: 'assistant', content: JSON.stringify(output) },
        ]),
        { role: 'user', content: text(input) },
      ],
      // Counted by another tokenizer, with a fence or a word around it.
      maxTokens: 2 * maxTokens,
      schema: jsonSchema,
      parse: readJson,
    },
    prompt: { instructions, examples, jsonSchema, grounded, maxTokens },
  })
}

const SCALARS: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'null'])

function isListed(schema: unknown): boolean {
  return isRecord(schema) && ('enum' in schema || 'const' in schema)
}

function isScalar(schema: unknown): boolean {
  if (!isRecord(schema)) return false
  return isListed(schema) || [schema['type']].flat().every((type) => SCALARS.has(type))
}
