import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { ChatMessage, Prompt } from '../contracts/engine.ts'
import type { Check, Draft, Rung, RungContext, Task } from '../contracts/task.ts'
import { canonicalJson, isRecord } from '../utils/json.ts'
import { defineTask, type TaskOptions } from './define-task.ts'
import { isGrounded, quotedStrings } from './grounding.ts'
import { objectEnd, readJson } from './read-json.ts'

export interface Example<O> {
  /** A text in the form that `text` gives. */
  readonly input: string
  readonly output: O
}

export interface ExtractOptions<I, O> extends TaskOptions<I, O> {
  readonly output: StandardSchemaV1<unknown, O>
  /** The same as JSON Schema: an object with `properties`. The frontier model gets it, and its key order is the answer's. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
  /** The text to read. */
  readonly text: (input: I) => string
  /** What to extract, in a few sentences. */
  readonly instructions: string
  /** Two or three are worth more than any wording. They are in every device prompt, so they cost prefill. */
  readonly examples: readonly Example<O>[]
  /** Adds the check that every string in the answer stands in the text, but for those with an `enum` in the schema. Default false. */
  readonly grounded?: boolean | undefined
  /** Of the answer. Default 96. */
  readonly maxTokens?: number | undefined
}

/**
 * Text in, one JSON object out. Device rung `generate`: the examples as earlier turns, greedy, the answer begun with its first key and
 * stopped when its object closes; one repair pass that is told what was wrong.
 * @throws UsageError `invalid-option`
 */
export function extract<I, O>(options: ExtractOptions<I, O>): Task<I, O> {
  const { output, jsonSchema, text, instructions, examples, grounded = false, maxTokens = 96 } = options
  const enums = enumKeys(jsonSchema)
  const turns = examples.flatMap(({ input, output }): ChatMessage[] => [
    { role: 'user', content: input },
    { role: 'assistant', content: JSON.stringify(output) },
  ])
  // Begun up to the end of the first key: there the text's tokens are the same as in the examples.
  const prefill = `{"${firstKey(examples[0]?.output, jsonSchema)}`

  async function answer(messages: readonly ChatMessage[], source: string, repaired: 0 | 1, context: RungContext): Promise<Draft> {
    const prompt: Prompt = { messages, prefill }
    const complete = (written: string): boolean => objectEnd(prefill + written, 0) !== undefined
    const { generate } = await import('./generate.ts')
    const made = await generate(context, { prompt, maxTokens, stop: ['\n'] }, (piece) => context.onText(piece), complete)
    const written = prefill + made.text
    const parsed = readJson(written)
    const valid = parsed.ok && (await output['~standard'].validate(parsed.value)).issues === undefined
    const quoted = parsed.ok ? quotedStrings(parsed.value, enums) : []
    return {
      parsed,
      text: written,
      signals: {
        ...made.signals,
        valid: Number(valid),
        repaired,
        grounded: quoted.length === 0 ? 1 : quoted.filter((value) => isGrounded(value, source)).length / quoted.length,
        fields: quoted.length,
      },
      usage: made.usage,
    }
  }

  const ask = (input: I): readonly ChatMessage[] => [
    { role: 'system', content: instructions },
    ...turns,
    { role: 'user', content: text(input) },
  ]
  const rung: Rung<I> = {
    id: 'generate',
    kind: 'generator',
    summary: 'JSON by the language model after a few examples',
    answer: (input, context) => answer(ask(input), text(input), 0, context),
    repair: (input, draft, problem, context) =>
      answer(
        [
          ...ask(input),
          { role: 'assistant', content: draft.text },
          { role: 'user', content: `That is wrong: ${problem}. Answer again with the corrected JSON for the last message.` },
        ],
        text(input),
        1,
        context,
      ),
  }
  const inText: Check<I, O> = {
    name: 'grounded',
    judge: (value, input) =>
      quotedStrings(value, enums).every((quoted) => isGrounded(quoted, text(input)))
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
        ...turns,
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

function properties(jsonSchema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const found = jsonSchema['properties']
  return isRecord(found) ? found : {}
}

function firstKey(example: unknown, jsonSchema: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(isRecord(example) ? example : properties(jsonSchema))
  return keys[0] ?? ''
}

/** Members whose values come from a list, so that they need not stand in the text. */
function enumKeys(jsonSchema: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  return new Set(
    Object.entries(properties(jsonSchema)).flatMap(([key, schema]) =>
      isRecord(schema) && ('enum' in schema || 'const' in schema) ? [key] : [],
    ),
  )
}
