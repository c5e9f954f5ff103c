import * as v from 'valibot'
import { describe, expect, it } from 'vitest'

import type { Prompt } from '../../../src/contracts/engine.ts'
import { EngineError } from '../../../src/errors/engine-error.ts'
import { extract } from '../../../src/task/extract.ts'
import { contextOf, INPUT, textOf, type TestContext } from './support.ts'

const nullable = { type: ['string', 'null'] }
const options = {
  name: 'extract',
  version: 1,
  input: INPUT,
  output: v.object({ order_id: v.nullable(v.string()), name: v.nullable(v.string()), mood: v.picklist(['calm', 'angry']) }),
  jsonSchema: {
    type: 'object',
    properties: { order_id: { ...nullable, pattern: '^\\d{5}$' }, name: nullable, mood: { enum: ['calm', 'angry'] } },
    required: ['order_id', 'name', 'mood'],
  },
  instructions: 'Copy order id, name and mood.',
  examples: [
    { input: 'Order 10001\n is late. Ann', output: { order_id: '10001', name: 'Ann', mood: 'calm' as const } },
    { input: 'Late!!', output: { order_id: null, name: null, mood: 'angry' as const } },
  ],
  text: textOf,
  grounded: true,
}
const [rung] = extract(options).rungs
const input = { message: 'Where is 48213? Regards, BO Xi' }

function textIn(prompt: Prompt): string {
  return 'text' in prompt ? prompt.text : ''
}

/** An engine that finds some words likely (their probability), and the rest nearly impossible. */
function context(answers: readonly string[], likely: Readonly<Record<string, number>> = {}): TestContext {
  return contextOf({ answers, scoreOf: (_prompt, candidate) => Math.log(likely[candidate.trim()] ?? 1e-4) })
}

describe('extract, value by value', () => {
  it('asks for values only, each after those before it, under the examples', async () => {
    const made = context(['BO Xi"'])
    const draft = await rung?.answer(input, made)
    expect(draft?.parsed).toEqual({ ok: true, value: { order_id: '48213', name: 'BO Xi', mood: 'calm' } })
    expect(draft?.text).toBe('{"order_id":"48213","name":"BO Xi","mood":"calm"}')
    expect(made.generator.requests.map(({ prompt }) => textIn(prompt))).toEqual([
      [
        'Copy order id, name and mood.\n',
        'Text: Order 10001 is late. Ann\norder id: "10001"\nname: "Ann"\nmood: "calm"\n',
        'Text: Late!!\norder id: null\nname: null\nmood: "angry"\n',
        'Text: Where is 48213? Regards, BO Xi\norder id: "48213"\nname: "',
      ].join('\n'),
    ])
    expect(draft?.signals).toMatchObject({ valid: 1, repaired: 0, grounded: 1, fields: 2, tokens: 2, meanLogprob: -0.1 })
  })

  it('begins a value that is not in the text anew with its likeliest word, what has the form of another field aside', async () => {
    const made = context(['Ann"', ' Xi" or so'], { BO: 0.3 })
    const draft = await rung?.answer(input, made)
    expect(draft?.parsed).toMatchObject({ value: { name: 'BO Xi' } })
    expect(draft?.signals).toMatchObject({ repaired: 1, grounded: 1 })
    expect(made.generator.scored[0]?.candidates).toEqual(['Where', 'is', 'Regards', 'BO', 'Xi'])
    expect(textIn(made.generator.requests[1]?.prompt ?? { text: '' })).toMatch(/name: "BO$/)
  })

  it('gives null where no word of the text is likely enough, and keeps what was said of a word that stands there', async () => {
    const unlikely = await rung?.answer(input, context(['Ann"'], { BO: 0.02 }))
    expect(unlikely?.parsed).toMatchObject({ value: { name: null } })
    expect(unlikely?.signals['leastSure']).toBeLessThan(1)
    const astray = await rung?.answer(input, context(['Ann"', 'oks, and more"'], { BO: 0.3 }))
    expect(astray?.parsed).toMatchObject({ value: { name: 'BO' } })
  })

  it('spells a value as the text does', async () => {
    const draft = await rung?.answer(input, context(['bo xi"']))
    expect(draft?.parsed).toMatchObject({ value: { name: 'BO Xi' } })
    expect(draft?.signals).toMatchObject({ repaired: 0 })
  })

  it('takes for a pattern only what matches it, and asks the model which, where there are several', async () => {
    const none = await rung?.answer({ message: 'Room 101, call 555-01234. Bo' }, context(['Bo"']))
    expect(none?.parsed).toMatchObject({ value: { order_id: null } })
    const made = context(['Bo"'], { '67890"': 0.5 })
    const several = await rung?.answer({ message: 'Not 12345 but 67890. Bo' }, made)
    expect(made.generator.scored[0]?.candidates).toEqual(['12345"', '67890"'])
    expect(several?.parsed).toMatchObject({ value: { order_id: '67890' } })
  })

  it('chooses from a list by score, less that for an empty text, measured once', async () => {
    const made = contextOf({
      answers: ['BO"'],
      scoreOf: (prompt, candidate) => (candidate.includes('calm') ? -1 : textIn(prompt).includes('N/A') ? -5 : -2),
    })
    const draft = await rung?.answer(input, made)
    expect(draft?.parsed).toMatchObject({ value: { mood: 'angry' } })
    await rung?.answer(input, made)
    expect(made.generator.scored.filter(({ prompt }) => textIn(prompt).includes('N/A'))).toHaveLength(1)
  })

  it('writes numbers, and texts that need not stand in the source', async () => {
    const task = extract({
      ...options,
      grounded: false,
      output: v.object({ count: v.nullable(v.pipe(v.number(), v.integer())), paid: v.boolean(), note: v.optional(v.string()) }),
      jsonSchema: {
        type: 'object',
        properties: { count: { type: ['integer', 'null'] }, paid: { type: 'boolean' }, note: { type: 'string' } },
        required: ['count', 'paid'],
      },
      examples: [{ input: 'Two', output: { count: 2, paid: true, note: 'short' } }],
    })
    const [written] = task.rungs
    const full = await written?.answer(input, contextOf({ answers: [' 3', ' "a \\"b\\""'] }))
    expect(full?.parsed).toEqual({ ok: true, value: { count: 3, paid: true, note: 'a "b"' } })
    const less = await written?.answer(input, contextOf({ answers: [' many', ' null'] }))
    expect(less?.parsed).toEqual({ ok: true, value: { count: null, paid: true } })
    expect(less?.signals).toMatchObject({ valid: 1 })
  })

  it('says which value could not be had', async () => {
    const jsonSchema = { type: 'object', properties: { count: { type: 'number' } }, required: ['count'] }
    const [strict] = extract({ ...options, output: v.object({ count: v.number() }), jsonSchema, examples: [] }).rungs
    const draft = await strict?.answer(input, contextOf({ answers: [' many'] }))
    expect(draft).toMatchObject({ parsed: { ok: false, problem: 'count has no value of its type' }, signals: { valid: 0 } })
  })

  it('has no token signals where the engine has none, and fails with the engine', async () => {
    const without = await rung?.answer(input, contextOf({ signals: false, answers: ['BO"'] }))
    expect(without?.parsed).toMatchObject({ value: { name: 'BO' } })
    expect(without?.signals).not.toHaveProperty('meanLogprob')
    const broken = contextOf({ failWith: new EngineError('device-lost', 'gone') })
    await expect(rung?.answer(input, broken)).rejects.toMatchObject({ code: 'device-lost' })
  })
})
