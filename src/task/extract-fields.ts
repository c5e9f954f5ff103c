import type { Signals } from '../contracts/signals.ts'
import type { Draft, Rung, RungContext } from '../contracts/task.ts'
import type { ExtractRungOptions } from './extract.ts'
import { type Field, member, readFields, readScalar } from './extract-field.ts'
import { groundingSignals, mergeSignals } from './extract-signals.ts'
import { asSpelled, groundedStart, spansMatching, wordsOf } from './extract-spans.ts'
import { generate } from './generate.ts'
import { isGrounded } from './grounding.ts'

/** Stands for "no text" when the model's own preference between given values is measured (Zhao et al. 2021, section 4). */
const EMPTY_TEXT = 'N/A'

/**
 * Odds at which a value is as likely to be there as not. The model puts most of its probability on values of the examples, so that
 * what it leaves for the words of the text is little even where one of them is right. Set on the sample inbox's `calibration` split.
 */
const EVEN_ODDS = 1 / 12

interface Read {
  readonly value: unknown
  /** That the value is right, as the model sees it: not calibrated, and comparable between texts only. */
  readonly sure: number
  /** Of the tokens that were generated for it, one entry for each generation. */
  readonly signals: readonly Signals[]
  /** The first value did not stand in the text, or has the form of another field. */
  readonly repaired?: boolean
}

/**
 * The object value by value, for schemas whose properties are all scalar. What the schema says is never decoded: the model only gives
 * values, so every answer is an object of that form. A text that must be quoted from the source is repaired where it is not: the value
 * is begun anew with the source's likeliest word, or is null where that is too unlikely.
 */
export function fieldsRung<I, O>(options: ExtractRungOptions<I, O>): Pick<Rung<I>, 'answer'> {
  const { output, text, instructions, examples, grounded, maxTokens } = options
  const fields = readFields(options)
  const begin = (source: string): string => `Text: ${source.trim().replace(/\s+/g, ' ')}\n`
  const line = ({ label }: Field, value: unknown): string => `${label}: ${JSON.stringify(value)}\n`
  const shown = examples.map(
    (example) => `${begin(example.input)}${fields.map((field) => line(field, member(example.output, field.key))).join('')}\n`,
  )
  const head = `${instructions}\n\n${shown.join('')}`

  async function read(field: Field, prompt: string, source: string, context: RungContext): Promise<Read> {
    if (field.choices !== undefined) {
      const before = fields.slice(0, fields.indexOf(field)).map((each) => line(each, null))
      return choose(field, field.choices, prompt, `${head}${begin(EMPTY_TEXT)}${before.join('')}`, context)
    }
    if (!grounded || !field.types.has('string')) return write(field, prompt, maxTokens, context)
    const asked = field.pattern === undefined ? undefined : await choosePart(field, field.pattern, prompt, source, context)
    return asked ?? quote(field, prompt, source, maxTokens, context)
  }

  return {
    async answer(input, context): Promise<Draft> {
      const source = text(input)
      const value: Record<string, unknown> = {}
      const reads: Read[] = []
      let prompt = head + begin(source)
      for (const field of fields) {
        const made = await read(field, prompt, source, context)
        reads.push(made)
        if (made.value !== null || !field.optional) value[field.key] = made.value
        prompt += line(field, made.value ?? null)
      }
      const lost = fields.find((_, i) => reads[i]?.value === undefined)
      const valid = lost === undefined && (await output['~standard'].validate(value)).issues === undefined
      const tokens = mergeSignals(reads.flatMap(({ signals }) => signals))
      const promptTokens = await context.generator.countTokens({ text: prompt })
      return {
        parsed: lost === undefined ? { ok: true, value } : { ok: false, problem: `${lost.key} has no value of its type` },
        text: JSON.stringify(value),
        signals: {
          ...tokens,
          promptTokens,
          valid: Number(valid),
          repaired: Number(reads.some(({ repaired }) => repaired)),
          ...groundingSignals(value, source, options.enums),
          leastSure: Math.min(1, ...reads.map(({ sure }) => sure)),
          meanSure: reads.reduce((sum, { sure }) => sum + sure, 0) / Math.max(1, reads.length),
        },
        usage: { promptTokens, completionTokens: tokens['tokens'] ?? 0 },
      }
    },
  }
}

/** One of the given values: the likeliest, less how likely it is for an empty text. */
async function choose(
  { key, label }: Field,
  choices: readonly unknown[],
  prompt: string,
  empty: string,
  context: RungContext,
): Promise<Read> {
  const candidates = choices.map((choice) => ` ${JSON.stringify(choice)}`)
  const score = async (text: string, signal?: AbortSignal): Promise<number[]> => {
    const scores = await context.generator.score({ text: `${text}${label}:` }, candidates, { signal })
    return scores.map(({ logprob }) => logprob)
  }
  // Shared by all requests, so one request's abort does not stop it.
  const prior = await context.remember(`prior of ${key}`, () => score(empty))
  const gains = (await score(prompt, context.signal)).map((logprob, i) => logprob - (prior[i] ?? 0))
  const top = gains.indexOf(Math.max(...gains))
  return { value: choices[top], sure: shareOfTop(gains), signals: [] }
}

/** The likeliest part of the source that has the form of the schema's `pattern`: where there is only one, no model is asked. */
async function choosePart(
  { types, label }: Field,
  pattern: RegExp,
  prompt: string,
  source: string,
  { generator, signal }: RungContext,
): Promise<Read | undefined> {
  const parts = spansMatching(source, pattern)
  const [only = null] = parts
  if (only === null && !types.has('null')) return undefined
  if (parts.length < 2) return { value: only, sure: 1, signals: [] }
  const candidates = parts.map((part) => `${part}"`)
  const scores = await generator.score({ text: `${prompt}${label}: "` }, candidates, { signal })
  const logprobs = scores.map(({ logprob }) => logprob)
  const top = logprobs.indexOf(Math.max(...logprobs))
  return { value: parts[top], sure: shareOfTop(logprobs), signals: [] }
}

/** A value out of the source's own words. */
async function quote(field: Field, prompt: string, source: string, maxTokens: number, context: RungContext): Promise<Read> {
  const isOther = (word: string): boolean => field.others.some((other) => other.test(word))
  const open = `${prompt}${field.label}: "`
  const first = await generate(context, { prompt: { text: open }, maxTokens, stop: ['"', '\n'] })
  const said = first.text.trim()
  if (isGrounded(said, source) && !isOther(said)) {
    const mass = Math.exp(first.signals['minLogprob'] ?? 0)
    return { ...decide(field, asSpelled(said, source), mass), signals: [first.signals] }
  }

  const words = wordsOf(source).filter((word) => !isOther(word))
  if (words.length === 0) return { value: field.types.has('null') ? null : said, sure: 1, signals: [first.signals], repaired: true }
  const scores = await context.generator.score({ text: open }, words, { signal: context.signal })
  const { best, mass } = likeliest(words, scores)
  const begun = decide(field, best, mass)
  if (begun.value === null) return { ...begun, signals: [first.signals], repaired: true }
  const more = await generate(context, { prompt: { text: open + best }, maxTokens, stop: ['"', '\n'] })
  const value = groundedStart(best + more.text, source) ?? best
  return { value, sure: begun.sure, signals: [more.signals], repaired: true }
}

/** A number, or a text that need not stand in the source. The model may say null where the schema does. */
async function write({ label, types }: Field, prompt: string, maxTokens: number, context: RungContext): Promise<Read> {
  const made = await generate(context, { prompt: { text: `${prompt}${label}:` }, maxTokens, stop: ['\n'] })
  const value = readScalar(made.text.trim(), types) ?? (types.has('null') ? null : undefined)
  return { value, sure: Math.exp(made.signals['minLogprob'] ?? 0), signals: [made.signals] }
}

/** The value, or null where it may be null and the examples and the text make that likelier. */
function decide({ types, odds }: Field, value: string, mass: number): { readonly value: string | null; readonly sure: number } {
  if (!types.has('null')) return { value, sure: mass }
  const weight = (odds * mass) / Math.max(1 - mass, Number.EPSILON)
  const there = weight / (weight + EVEN_ODDS)
  return there >= 0.5 ? { value, sure: there } : { value: null, sure: 1 - there }
}

/** The candidate with the highest score, and the probability of all of them together. */
function likeliest(
  candidates: readonly string[],
  scores: readonly { readonly logprob: number }[],
): { readonly best: string; readonly mass: number } {
  const logprobs = scores.map(({ logprob }) => logprob)
  const best = candidates[logprobs.indexOf(Math.max(...logprobs))] ?? ''
  return {
    best,
    mass: Math.min(
      1,
      logprobs.reduce((sum, logprob) => sum + Math.exp(logprob), 0),
    ),
  }
}

/** The softmax of the highest. */
function shareOfTop(logits: readonly number[]): number {
  const top = Math.max(...logits)
  return 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0)
}
