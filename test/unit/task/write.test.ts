import { describe, expect, it } from 'vitest'

import { chat } from '../../../src/task/chat.ts'
import { noInventedNumbers } from '../../../src/task/checks.ts'
import { defineTask, type TaskDefinition } from '../../../src/task/define-task.ts'
import { draft } from '../../../src/task/draft.ts'
import { TEXT_SCHEMA } from '../../../src/task/schema.ts'
import { contextOf, INPUT, textOf, type Input } from './support.ts'

const input = { message: 'Subject: Hi\n\nWhere is 48213?' }

describe('draft', () => {
  const task = draft({
    name: 'draft',
    version: 1,
    input: INPUT,
    instructions: 'Answer politely.',
    examples: [{ input: 'Hello', output: 'Hello!' }],
    text: textOf,
    maxTokens: 5,
  })
  const [rung] = task.rungs

  it('writes with the examples as turns and says whether it was cut', async () => {
    const context = contextOf({ answers: ['It is on its way to you.'] })
    const answer = await rung?.answer(input, context)
    expect(answer?.parsed).toEqual({ ok: true, value: { text: 'It is on its way' } })
    expect(answer?.signals).toMatchObject({ cut: 1, repaired: 0, meanLogprob: -0.1 })
    expect(context.shown.join('')).toBe('It is on its way')
    expect(context.generator.requests[0]?.prompt).toMatchObject({ messages: { length: 4 } })
  })

  it('repairs with its answer and the problem in the prompt', async () => {
    const context = contextOf({ answers: ['As an AI.', 'It left today.'] })
    const first = await rung?.answer(input, context)
    if (first === undefined) throw new Error('no rung')
    const second = await rung?.repair?.(input, first, 'it speaks as a model', context)
    expect(second).toMatchObject({ parsed: { ok: true, value: { text: 'It left today.' } }, signals: { repaired: 1 } })
    const { prompt } = context.generator.requests[1] ?? {}
    expect(JSON.stringify(prompt)).toContain('it speaks as a model')
    expect(JSON.stringify(prompt)).toContain('As an AI.')
  })

  it('has the default checks, or those it is given', () => {
    expect(task.checks.map(({ name }) => name)).toEqual(['notEmpty', 'noPlaceholders', 'noRefusal', 'endsProperly'])
    const own = draft({ name: 'd', version: 1, input: INPUT, instructions: '', text: textOf, checks: [noInventedNumbers(textOf)] })
    expect(own.checks.map(({ name }) => name)).toEqual(['noInventedNumbers'])
  })

  it('asks the frontier with the text unchanged and remembers both turns', () => {
    expect(task.frontier.messages(input, []).at(-1)).toEqual({ role: 'user', content: input.message })
    expect(task.frontier.parse(' \n')).toMatchObject({ ok: false })
    expect(task.turn(input, { text: 'Soon.' })).toEqual([
      { role: 'user', content: input.message },
      { role: 'assistant', content: 'Soon.' },
    ])
  })
})

describe('chat', () => {
  const history = [
    { role: 'user', content: 'a'.repeat(40) },
    { role: 'assistant', content: 'b'.repeat(40) },
    { role: 'user', content: 'c'.repeat(40) },
    { role: 'assistant', content: 'd'.repeat(40) },
  ] as const

  it('streams and carries the thread', async () => {
    const task = chat({ name: 'chat', version: 1, instructions: 'Be kind.' })
    const context = contextOf({ answers: ['Hello there.'] }, history)
    await task.rungs[0]?.answer({ message: 'Hi' }, context)
    expect(context.generator.requests[0]?.prompt).toEqual({
      messages: [{ role: 'system', content: 'Be kind.' }, ...history, { role: 'user', content: 'Hi' }],
    })
    expect(context.shown).toHaveLength(2)
    expect(task).toMatchObject({ streams: true, checks: [], cacheable: false })
    expect(await task.input['~standard'].validate({ message: ' ' })).toHaveProperty('issues')
  })

  it('leaves out the oldest turns, and never begins with an answer', () => {
    const task = chat({ name: 'chat', version: 1, instructions: 'Be kind.', historyTokens: 32 })
    const contents = task.frontier.messages({ message: 'Hi' }, history).map(({ content }) => content[0])
    expect(contents).toEqual(['B', 'c', 'd', 'H'])
  })
})

describe('defineTask', () => {
  const definition: TaskDefinition<Input, { readonly text: string }> = {
    name: 'own',
    version: 1,
    input: INPUT,
    output: TEXT_SCHEMA,
    rungs: [],
    frontier: {
      messages: ({ message }) => [{ role: 'user', content: message }],
      maxTokens: 10,
      parse: (text) => ({ ok: true, value: { text } }),
    },
    prompt: { b: 1, a: 'x' },
  }

  it('fills in the defaults', () => {
    expect(defineTask(definition)).toMatchObject({
      checks: [],
      whenUnknown: 'escalate',
      whenUnreachable: ['queue', 'fallback', 'refuse'],
      cacheable: true,
      streams: false,
    })
  })

  it('hashes the prompt whatever the order of its keys', () => {
    const { hash } = defineTask(definition)
    expect(defineTask({ ...definition, prompt: { a: 'x', b: 1 } }).hash).toBe(hash)
    expect(defineTask({ ...definition, prompt: { a: 'y', b: 1 } }).hash).not.toBe(hash)
  })

  it.each<[string, Partial<TaskDefinition<Input, { readonly text: string }>>]>([
    ['name', { name: 'has space' }],
    ['version', { version: 0 }],
    ['streams', { streams: true, checks: [{ name: 'x', judge: () => undefined }] }],
    ['whenUnreachable', { whenUnreachable: ['fallback'] }],
    ['frontier.maxTokens', { frontier: { ...definition.frontier, maxTokens: 0 } }],
  ])('refuses a bad %s and names it', (option, changed) => {
    expect(() => defineTask({ ...definition, ...changed })).toThrow(
      expect.objectContaining({ code: 'invalid-option', details: { option }, message: expect.stringContaining(option) }),
    )
  })
})
