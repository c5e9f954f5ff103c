import type { Settled } from 'transaxle'

import type { TaskName } from '../results.ts'
import type { Place } from '../routing.ts'

/** The plain words of the page. */

interface Ending {
  readonly label: string
  /** For the list, where room is short. */
  readonly short: string
}

export const ENDINGS: Readonly<Record<Settled, Ending>> = {
  device: { label: 'Answered on this device', short: 'Device' },
  frontier: { label: 'Answered by the frontier model', short: 'Frontier' },
  cache: { label: 'Answered before, kept on this device', short: 'Kept answer' },
  fallback: { label: 'Standard text, no model', short: 'Standard text' },
  queued: { label: 'Waiting in the outbox', short: 'Waiting' },
  refused: { label: 'No answer', short: 'No answer' },
}

export const SETTLED: readonly Settled[] = ['device', 'frontier', 'cache', 'fallback', 'queued', 'refused']

export const PLACES: Readonly<Record<Place, string>> = {
  encoder: 'Device, sorting model',
  generator: 'Device, language model',
  next: 'Device tries its language model next',
  frontier: 'Frontier model',
  unread: 'Not scored yet',
}

export interface TaskWords {
  readonly title: string
  readonly question: string
  readonly verb: string
}

export const TASK_WORDS: Readonly<Record<TaskName, TaskWords>> = {
  triage: { title: 'Triage', question: 'What does the customer want?', verb: 'Triage' },
  extract: { title: 'Details', question: 'Who, which order, which article?', verb: 'Extract' },
  draft: { title: 'Reply', question: 'What could you write back?', verb: 'Draft' },
}

/** The reason in one short line; the runtime's own sentence stands below it. */
export function headline(code: string): string {
  const known = HEADLINES[code]
  if (known !== undefined) return known
  const [how, ...why] = code.split('-')
  return `${ENDED[how ?? ''] ?? 'Settled'}: ${MISSING[why.join('-')] ?? 'see below'}.`
}

const HEADLINES: Readonly<Record<string, string>> = {
  'cache-exact': 'The same message was answered before, so nothing had to be worked out.',
  'score-within-threshold': 'The device was sure enough, so the answer stayed here.',
  'score-unknown-kept': 'Nobody can tell yet how good this is; the task keeps such answers.',
  'must-go-out': 'You asked for the frontier model.',
  'score-above-threshold': 'The device was not sure enough, so the frontier model was asked.',
  'score-unknown-escalated': 'How sure the device is cannot be told yet, so the frontier model was asked.',
  'device-answer-invalid': "The device's answer failed a check, so the frontier model was asked.",
  'device-failed': 'The device could not answer, so the frontier model was asked.',
  'device-not-capable': 'No model on this device can do this, so the frontier model was asked.',
  'refused-invalid-input': 'The message cannot be worked on.',
  'refused-thread-unreadable': 'Earlier messages could not be read.',
  delivered: 'It waited in the outbox and was answered once the frontier model could be reached.',
}

const ENDED: Readonly<Record<string, string>> = {
  kept: "The device's best guess was kept",
  queued: 'Put in the outbox',
  fallback: 'A standard text stands in',
  refused: 'No answer',
}

const MISSING: Readonly<Record<string, string>> = {
  'must-stay-on-device': 'this message must stay on the device',
  'no-frontier': 'there is no frontier model',
  offline: 'the frontier model cannot be reached now',
  'budget-spent': "today's budget is spent",
  'frontier-unreachable': 'the frontier model did not answer',
  'frontier-failed': "the frontier model's answer could not be used",
}

export const STAGES: Readonly<Record<string, string>> = {
  task: 'Prepare',
  cache: 'Look for a kept answer',
  gates: 'Which ways are open',
  rung: 'Model on this device',
  checks: 'Check the answer',
  score: 'Judge how sure',
  redact: 'Hide personal data',
  frontier: 'Ask the frontier model',
  outbox: 'Put in the outbox',
  fallback: 'Standard text',
}

const KINDS: Readonly<Record<string, string>> = {
  EMAIL: 'e-mail address',
  PHONE: 'phone number',
  IBAN: 'bank account',
  CARD: 'card number',
  IP: 'network address',
  KEY: 'key or token',
}

export function redactionWords(redacted: Readonly<Record<string, number>>, none = 'nothing in it had to be hidden'): string {
  const parts = Object.entries(redacted).map(([kind, count]) => {
    const word = KINDS[kind.toUpperCase()] ?? kind.toLowerCase().replaceAll('_', ' ')
    return `${count} ${word}${count === 1 ? '' : word.endsWith('s') ? 'es' : 's'}`
  })
  return parts.length === 0 ? none : `hidden before sending: ${parts.join(', ')}`
}

/** The answer key says that it is one; a device model is `org/name@revision:dtype:backend`; any other name is as it is. */
export function modelWords(model: string): string {
  if (model === 'answer-key') return 'answer key (reference answers, no real model)'
  const [, name, backend] = /^[^/]+\/([^@]+)@.*:(\w+)$/.exec(model) ?? []
  if (name === undefined) return model
  return `${name}, on the ${backend === 'webgpu' ? 'graphics chip' : 'processor'}`
}
