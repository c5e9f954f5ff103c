import { describe, expect, it } from 'vitest'

import { classify, type ClassifyOptions } from '../../../src/task/classify.ts'
import { contextOf, INPUT, textOf, type Input } from './support.ts'

const LABELS = [
  {
    id: 'refund',
    description: 'Wants money back.',
    examples: ['please refund my money', 'I want the money back', 'refund the jacket'],
  },
  {
    id: 'order_status',
    description: 'Asks for a parcel.',
    examples: ['where is my parcel', 'when does the parcel arrive', 'parcel tracking'],
  },
  { id: 'other', description: 'Anything else.', examples: ['good morning', 'nice weather today', 'what a lovely song'] },
] as const

type Options = ClassifyOptions<Input, 'refund' | 'order_status' | 'other'>

const options: Options = { name: 'triage', version: 1, input: INPUT, labels: LABELS, text: textOf }
const task = classify(options)
const [head, fewShot] = task.rungs

describe('the head rung', () => {
  it('finds the class whose examples share words with the text, and says how sure it is', async () => {
    const context = contextOf()
    const sure = await head?.answer({ message: 'where is the parcel' }, context)
    const unsure = await head?.answer({ message: 'zebra xylophone' }, context)
    expect(sure?.parsed).toEqual({ ok: true, value: { label: 'order_status' } })
    expect(Object.keys(sure?.signals ?? {}).sort()).toEqual([
      'headEntropy',
      'headMargin',
      'nearestSimilarity',
      'neighbourSimilarity',
      'topLogit',
      'topProbability',
    ])
    for (const name of ['topProbability', 'headMargin', 'topLogit', 'neighbourSimilarity', 'nearestSimilarity']) {
      expect(sure?.signals[name], name).toBeGreaterThan(unsure?.signals[name] ?? Infinity)
    }
    expect(sure?.signals['headEntropy']).toBeLessThan(unsure?.signals['headEntropy'] ?? 0)
  })

  it('embeds the examples once for all requests', async () => {
    const context = contextOf()
    await Promise.all([head?.answer({ message: 'a' }, context), head?.answer({ message: 'b' }, context)])
    expect(context.encoder.batches.filter((batch) => batch.length === 9)).toHaveLength(1)
  })
})

describe('the few-shot rung', () => {
  const isEmpty = (prompt: unknown): boolean => JSON.stringify(prompt).includes('Message: N/A')

  it('takes the label that gains most over an empty message, not the likeliest', async () => {
    // Whatever the message, " other" is the likeliest; the message lifts " order status" by 3 nats and the rest by 1.
    const prior = (label: string): number => (label === ' other' ? -1 : -9)
    const context = contextOf({
      scoreOf: (prompt, label) => prior(label) + (isEmpty(prompt) ? 0 : label === ' order status' ? 3 : 1),
    })
    const draft = await fewShot?.answer({ message: 'Where is it?' }, context)
    expect(draft?.parsed).toEqual({ ok: true, value: { label: 'order_status' } })
    expect(draft?.signals['labelMargin']).toBeCloseTo(2)
    expect(draft?.signals['labelTopProbability']).toBeCloseTo(Math.exp(3) / (Math.exp(3) + 2 * Math.exp(1)))
    expect(draft?.signals['labelLogprob']).toBeCloseTo(-6)
    expect(draft?.usage.promptTokens).toBeGreaterThan(20)
  })

  it('measures the empty message once', async () => {
    const context = contextOf()
    await fewShot?.answer({ message: 'a' }, context)
    await fewShot?.answer({ message: 'b' }, context)
    expect(context.generator.scored.map(({ prompt }) => isEmpty(prompt))).toEqual([true, false, false])
  })

  it('keeps a prompt of nine labels with long examples short', async () => {
    const long = 'a long example that goes on and on and on about a parcel which never came, '.repeat(5)
    const nine = Array.from({ length: 9 }, (_, i) => ({ id: `label_${i}`, description: '', examples: [long, long] }))
    const context = contextOf()
    await classify({ name: 'nine', version: 1, input: INPUT, labels: nine, text: textOf, rungs: ['generator'] }).rungs[0]?.answer(
      { message: 'Hello' },
      context,
    )
    const { prompt } = context.generator.scored[0] ?? {}
    expect(JSON.stringify(prompt).length).toBeLessThan(4 * 350)
  })
})

describe('the frontier form of classify', () => {
  it('has the text unchanged in its last message, and the labels as an enum', () => {
    const message = 'Subject: Hi\n\nWhere is  it?\n'
    expect(task.frontier.messages({ message }, []).at(-1)).toEqual({ role: 'user', content: message })
    expect(JSON.stringify(task.frontier.schema)).toContain('"enum":["refund","order_status","other"]')
  })

  it.each(['{"label": "refund"}', '```json\n{"label":"Refund"}\n```', 'refund', ' "refund".', 'REFUND'])('reads %j', (text) => {
    expect(task.frontier.parse(text)).toEqual({ ok: true, value: { label: 'refund' } })
  })

  it.each(['{"label": "money"}', 'It is refund or other', '', '{"intent": "refund"}', '{"label": ["refund"]}'])(
    'takes no label from %j',
    (text) => {
      expect(task.frontier.parse(text).ok).toBe(false)
    },
  )
})

describe('classify', () => {
  it('has an output schema that takes its labels only', async () => {
    expect(await task.output['~standard'].validate({ label: 'other' })).toEqual({ value: { label: 'other' } })
    expect(await task.output['~standard'].validate({ label: 'else' })).toMatchObject({ issues: [{ path: ['label'] }] })
  })

  it('changes its hash with an example, and with nothing that does not shape the answer', () => {
    const [first, ...rest] = LABELS
    const edited = classify({ ...options, labels: [{ ...first, examples: [...first.examples, 'my money, please'] }, ...rest] })
    expect(edited.hash).not.toBe(task.hash)
    expect(classify({ ...options, whenUnknown: 'keep' }).hash).toBe(task.hash)
  })

  it.each([
    [[LABELS[0]], 'two or more'],
    [[LABELS[0], { ...LABELS[1], id: 'Refund' }], 'ids of their own'],
    [[LABELS[0], { ...LABELS[1], examples: [] }], "'order_status' has none"],
    [[LABELS[0], { ...LABELS[1], id: '"x"' }], 'without quotes'],
  ])('refuses labels that cannot work (%#)', (labels, message) => {
    expect(() => classify<Input, string>({ name: 'bad', version: 1, input: INPUT, text: textOf, labels })).toThrow(message)
  })
})
