import type { Draft, RungKind, Task } from '../contracts/task.ts'
import { UsageError } from '../errors/usage-error.ts'
import { isRecord } from '../utils/json.ts'
import { defineTask, type TaskOptions } from './define-task.ts'
import { fetchedRung } from './fetched-rung.ts'
import type { Label } from './label.ts'
import { readJson } from './read-json.ts'
import { textMember } from './schema.ts'

export interface ClassifyOptions<I, L extends string> extends TaskOptions<I, { readonly label: L }> {
  readonly labels: readonly Label<L>[]
  /** The text to classify. */
  readonly text: (input: I) => string
  /** What the classes are about, in a sentence or two. Default: a neutral sentence. */
  readonly instructions?: string | undefined
  /** Which device rungs to use, in this order. Default both. */
  readonly rungs?: readonly RungKind[] | undefined
}

const HEAD = { id: 'head', kind: 'encoder', summary: 'Softmax regression over embeddings of the examples' } as const

const FEW_SHOT = {
  id: 'few-shot',
  kind: 'generator',
  summary: 'Log-probability of each label after a few examples, less that for an empty message',
} as const

/**
 * Text in, one of a few labels out. Device rungs: `head`, a classifier fitted on the device over encoder embeddings of the examples,
 * and `few-shot`, the language model's preference between the labels after a few examples.
 * @throws UsageError `invalid-option`
 */
export function classify<I, const L extends string>(options: ClassifyOptions<I, L>): Task<I, { readonly label: L }> {
  const { labels, text, rungs = ['encoder', 'generator'] } = options
  const instructions = options.instructions ?? 'Sort the message into the label that fits best.'
  const ids = labels.map(({ id }) => id)
  requireLabels(options.name, labels, rungs.length > 0)
  const isLabel = (value: string): value is L => ids.some((id) => id === value)

  return defineTask({
    ...options,
    output: textMember('label', isLabel, `one of ${ids.join(', ')}`),
    rungs: rungs.map((kind) =>
      kind === 'encoder'
        ? fetchedRung<I>(HEAD, async () => (await import('./head-rung.ts')).headRung(labels, text))
        : fetchedRung<I>(FEW_SHOT, async () => (await import('./few-shot-rung.ts')).fewShotRung(labels, text, instructions)),
    ),
    frontier: {
      messages: (input) => [
        {
          role: 'system',
          content: [
            instructions,
            `Labels:\n${labels.map(({ id, description }) => `- ${id}: ${description}`).join('\n')}`,
            'Answer with JSON only: {"label": "<one of the labels>"}',
          ].join('\n\n'),
        },
        { role: 'user', content: text(input) },
      ],
      maxTokens: 64,
      schema: {
        type: 'object',
        properties: { label: { type: 'string', enum: ids } },
        required: ['label'],
        additionalProperties: false,
      },
      parse: (answer) => readLabel(answer, ids),
    },
    prompt: { instructions, labels },
  })
}

/** `{"label": …}`, with or without a fence, or the bare label. Letter case and quotes around it do not matter. */
function readLabel(answer: string, ids: readonly string[]): Draft['parsed'] {
  const json = readJson(answer)
  const named = json.ok && isRecord(json.value) ? json.value['label'] : answer
  const plain = typeof named === 'string' ? normalise(named) : ''
  const label = ids.find((id) => normalise(id) === plain)
  return label === undefined ? { ok: false, problem: 'the answer names none of the labels' } : { ok: true, value: { label } }
}

function normalise(text: string): string {
  return text
    .trim()
    .replace(/^["'`]+|["'`.]+$/g, '')
    .toLowerCase()
}

function requireLabels(task: string, labels: readonly Label[], onDevice: boolean): void {
  const refuse = (problem: string): never => {
    throw new UsageError('invalid-option', `Task '${task}': labels ${problem}`, { details: { option: 'labels' } })
  }
  if (labels.length < 2) refuse('must be two or more.')
  if (new Set(labels.map(({ id }) => normalise(id))).size !== labels.length)
    refuse('must have ids of their own, letter case aside.')
  if (labels.some(({ id }) => normalise(id) !== id.toLowerCase() || id === ''))
    refuse('must have ids without quotes or outer spaces.')
  const bare = labels.find(({ examples }) => examples.length === 0)
  if (onDevice && bare !== undefined)
    refuse(`need at least one example each; '${bare.id}' has none. With rungs: [] none are needed.`)
}
