import type { FrontierRequest } from './contracts/frontier.ts'
import type { NoFrontier, Outcome, Reason } from './contracts/outcome.ts'
import type { Source } from './contracts/part.ts'
import type { Score } from './contracts/score.ts'
import type { Gates, Order, Redacted, Request, RouteCode, RungName, Settlement, Stages } from './contracts/stages.ts'
import type { Draft, Rung } from './contracts/task.ts'
import { fromShape, toShape } from './errors/shape.ts'
import { throwIfAborted } from './utils/deadline.ts'
import { judge, type Checked } from './utils/judge.ts'
import { RequestLog } from './utils/request-log.ts'
import { runRung } from './utils/run-rung.ts'
import { Screen, type Shown } from './utils/screen.ts'
import { closedBecause, possible, showsLive, streamsUnchecked } from './utils/ways.ts'

/**
 * The way of one request, top to bottom: task, cache, gates, the device's rungs with checks and score, the frontier, and what is
 * left when neither will do. Resolves with an outcome whatever happens; rejects only with AbortError, when the caller aborts.
 *
 * `show` gets text once nothing can turn it down any more: live where the task has no checks and no other source may follow,
 * else in one piece when the request settles.
 */
export async function settle<I, O>(order: Order<I, O>, stages: Stages, show: (part: Shown) => void): Promise<Outcome<O>> {
  const log = new RequestLog(stages.now, stages.price)

  // The task: a valid input, with its thread and its key.
  const prepared = await prepare(order, stages, log)
  if ('code' in prepared) return refuse(order, log, prepared)
  const way: Way<I, O> = { request: prepared, stages, log, screen: new Screen(order.id, show), judged: [] }

  // Answered before?
  const hit = await lookUp(way)
  if (hit !== undefined) return end(way, { settled: 'cache', ...hit, reason: ANSWERED_BEFORE })

  // Which ways are open at all?
  const gates = await passGates(way)

  // The device's rungs, smallest first: the first answer that is good enough settles.
  let reason: Reason = gates.device.open ? NO_RUNG : { code: onward(gates.device.code), text: gates.device.why }
  let spare: Judged<O> | undefined
  for (const rung of gates.device.open ? order.task.rungs : []) {
    const verdict = await tryRung(way, rung, gates)
    if (verdict.enough) return end(way, { settled: 'device', ...verdict.answer, reason: verdict.reason })
    // A rung that could not even run says less than one that was judged.
    if (reason === NO_RUNG || verdict.reason.code !== 'device-not-capable') reason = verdict.reason
    spare = verdict.answer ?? spare
  }

  // The frontier, over the gateway.
  let missing: NoFrontier
  if (gates.frontier.open) {
    const asked = await askFrontier(way)
    if (asked.ok) return end(way, { settled: 'frontier', value: asked.value, source: asked.source, score: spare?.score, reason })
    missing = asked.missing
    reason = { ...asked.reason, text: `${reason.text} ${asked.reason.text}` }
  } else {
    missing = closedBecause(gates.frontier.code)
    reason = { ...reason, text: `${reason.text} ${gates.frontier.why}` }
  }

  // Neither will do: queue it, keep a valid answer, fall back or refuse, in the order the task says.
  return end(way, await settleWithout(way, missing, reason, spare))
}

/** What the steps of one request share. */
interface Way<I, O> {
  readonly request: Request<I, O>
  readonly stages: Stages
  readonly log: RequestLog
  readonly screen: Screen
  readonly judged: { readonly rung: RungName; readonly signals: Draft['signals'] }[]
  sent?: Settlement['sent']
}

/** A device answer that passed its checks, with its score. */
interface Judged<O> {
  readonly value: O
  readonly source: Source
  readonly score: Score
}

type Verdict<O> =
  | { readonly enough: true; readonly answer: Judged<O>; readonly reason: Reason }
  | { readonly enough: false; readonly answer?: Judged<O> | undefined; readonly reason: Reason }

type Asked<O> =
  | { readonly ok: true; readonly value: O; readonly source: Source }
  | { readonly ok: false; readonly missing: NoFrontier; readonly reason: Reason }

type Ending<O> = { readonly reason: Reason; readonly score?: Score | undefined } & (
  | { readonly settled: 'device' | 'frontier' | 'cache' | 'fallback'; readonly value: O; readonly source: Source }
  | { readonly settled: 'queued' | 'refused' }
)

const ANSWERED_BEFORE: Reason = { code: 'cache-exact', text: 'The same request was answered before.' }
const NO_RUNG: Reason = { code: 'device-not-capable', text: 'The task has no device rung.' }

async function prepare<I, O>(order: Order<I, O>, stages: Stages, log: RequestLog): Promise<Request<I, O> | Reason> {
  try {
    const prepared = await log.step(
      'task',
      () => stages.prepare(order),
      ({ ok }) => (ok ? `${order.task.name}@${order.task.version}` : 'invalid input'),
    )
    if (prepared.ok) return prepared.request
    return { code: 'refused-invalid-input', text: `The input does not fit the task: ${prepared.problem}` }
  } catch (error) {
    throwIfAborted(order.signal)
    return { code: 'refused-thread-unreadable', text: 'The thread of this request could not be read.', error: toShape(error) }
  }
}

async function lookUp<I, O>({ request, stages, log }: Way<I, O>): Promise<{ value: O; source: Source } | undefined> {
  if (!request.task.cacheable || request.options.cache === false) return undefined
  try {
    return await log.step(
      'cache',
      async () => {
        const entry = await stages.cache.lookup(request.key)
        if (entry === undefined) return undefined
        // What was stored by an older release may not be valid any more.
        const checked = await judge(request.task, request.input, { ok: true, value: entry.value })
        return checked.ok ? { value: checked.value, source: { where: 'cache', model: entry.source.model } } : undefined
      },
      (entry) => (entry === undefined ? 'miss' : 'hit'),
    )
  } catch {
    // A broken cache is a slow cache; the trace has the error.
    throwIfAborted(request.signal)
    return undefined
  }
}

async function passGates<I, O>({ request, stages, log }: Way<I, O>): Promise<Gates> {
  try {
    return await log.step(
      'gates',
      () => stages.gates(request),
      ({ device, frontier }) => `device ${device.open ? 'open' : device.code}, frontier ${frontier.open ? 'open' : frontier.code}`,
    )
  } catch {
    throwIfAborted(request.signal)
    // A gate that cannot be read is shut: nothing leaves the device on a guess.
    return {
      device: { open: true },
      frontier: { open: false, code: 'must-stay-on-device', why: 'The gates could not be read, so nothing was sent.' },
    }
  }
}

async function tryRung<I, O>(way: Way<I, O>, rung: Rung<I>, gates: Gates): Promise<Verdict<O>> {
  const { request, stages, log, screen, judged } = way
  const { task } = request
  const unable = stages.rungs.unable(rung)
  if (unable !== undefined) {
    log.note('rung', `${rung.id}: skipped`)
    return { enough: false, reason: { code: 'device-not-capable', text: unable } }
  }
  try {
    const live = rung === task.rungs.at(-1) && showsLive(task, gates)
    const { run, checked } = await runRung(request, rung, stages.rungs, log, (source, text) => live && screen.delta(source, text))
    const { source, draft } = run
    const { id, kind } = rung
    judged.push({ rung: { id, kind }, signals: draft.signals })
    if (!checked.ok)
      return {
        enough: false,
        reason: { code: 'device-answer-invalid', text: `The device's answer failed a check: ${checked.problem}` },
      }
    const score = await log.step(
      'score',
      () => stages.score(request, { id, kind }, draft.signals),
      (read) => (read.known ? `${read.value.toFixed(3)} against ${read.threshold.value.toFixed(3)}` : 'unknown'),
    )
    return weigh(task, { value: checked.value, source, score })
  } catch (error) {
    throwIfAborted(request.signal)
    return { enough: false, reason: { code: 'device-failed', text: 'The device could not answer.', error: toShape(error) } }
  }
}

function weigh<O>(task: { readonly whenUnknown: 'escalate' | 'keep' }, answer: Judged<O>): Verdict<O> {
  const { score } = answer
  if (!score.known) {
    const text = `How good the device's answer is cannot be told: ${score.why}`
    if (task.whenUnknown === 'keep') return { enough: true, answer, reason: { code: 'score-unknown-kept', text } }
    return { enough: false, answer, reason: { code: 'score-unknown-escalated', text } }
  }
  const compared = `The chance that the device's answer is wrong is put at ${percent(score.value)}`
  const limit = percent(Math.max(0, score.threshold.value))
  if (score.value <= score.threshold.value)
    return {
      enough: true,
      answer,
      reason: { code: 'score-within-threshold', text: `${compared}, within the threshold of ${limit}.` },
    }
  return { enough: false, answer, reason: { code: 'score-above-threshold', text: `${compared}, above the threshold of ${limit}.` } }
}

async function askFrontier<I, O>(way: Way<I, O>): Promise<Asked<O>> {
  const { request, log } = way
  try {
    const { escalation, redacted } = await prepareEscalation(way)
    const { text, source } = await log.step(
      'frontier',
      () => readFrontier(way, escalation, redacted),
      (read) => read.source.model ?? 'answered',
    )
    const checked = await check(way, request.task.frontier.parse(text))
    if (checked.ok) return { ok: true, value: checked.value, source }
    return {
      ok: false,
      missing: 'frontier-failed',
      reason: { code: 'refused-frontier-failed', text: `The frontier's answer failed a check: ${checked.problem}` },
    }
  } catch (error) {
    throwIfAborted(request.signal)
    const shape = toShape(error, 'gateway-failed')
    const missing = shape.retryable ? 'frontier-unreachable' : 'frontier-failed'
    return {
      ok: false,
      missing,
      reason: { code: `refused-${missing}`, text: `The frontier did not answer: ${shape.message}`, error: shape },
    }
  }
}

function prepareEscalation<I, O>({
  request,
  stages,
  log,
}: Way<I, O>): Promise<{ escalation: FrontierRequest; redacted: Redacted }> {
  const { frontier, name, version } = request.task
  return log.step(
    'redact',
    async () => {
      const redacted = await stages.redact(frontier.messages(request.input, request.history))
      const { maxTokens, schema } = frontier
      const metadata = { task: `${name}@${version}` }
      return { redacted, escalation: { idempotencyKey: request.id, messages: redacted.messages, maxTokens, schema, metadata } }
    },
    ({ redacted }) =>
      Object.entries(redacted.counts)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(', ') || 'nothing to redact',
  )
}

async function readFrontier<I, O>(
  way: Way<I, O>,
  escalation: FrontierRequest,
  redacted: Redacted,
): Promise<{ text: string; source: Source }> {
  const { request, stages, log, screen } = way
  // A placeholder may be split over two parts, so text that has any is shown whole.
  const live = streamsUnchecked(request.task) && Object.keys(redacted.counts).length === 0
  let source: Source = { where: 'frontier' }
  let text = ''
  let finished = false
  try {
    for await (const part of stages.frontier(escalation, request.signal, log.exchange)) {
      source = part.source
      if (part.type === 'error') throw fromShape(part.error)
      if (part.type === 'delta') {
        text += part.text
        if (live) screen.delta(source, part.text)
      } else if (part.type === 'finish') {
        finished = part.reason !== 'content-filter'
        log.ranAtFrontier(part.usage)
      }
    }
    if (!finished) throw fromShape({ code: 'gateway-refused', message: 'the model declined to answer.', retryable: false })
    return { text: redacted.restore(text), source }
  } finally {
    way.sent = { redacted: redacted.counts, exchange: log.exchange, tokens: log.frontierTokens, model: source.model, ok: finished }
  }
}

async function settleWithout<I, O>(
  way: Way<I, O>,
  missing: NoFrontier,
  reason: Reason,
  spare: Judged<O> | undefined,
): Promise<Ending<O>> {
  const { request, stages, log, screen } = way
  const { task, input } = request
  const score = spare?.score
  // Text of a source that then failed is on the screen: no other answer may follow it.
  const ways = screen.shownBy === undefined || screen.shownBy === spare?.source.where ? task.whenUnreachable : []
  let failure = reason.error
  for (const next of ways) {
    if (next === 'refuse') break
    if (!possible(next, missing, spare !== undefined, task.fallback !== undefined)) continue
    try {
      if (next === 'keep' && spare !== undefined)
        return { settled: 'device', ...spare, reason: { ...reason, code: `kept-${missing}` } }
      if (next === 'fallback' && task.fallback !== undefined) {
        const { fallback } = task
        const value = await log.step(
          'fallback',
          () => fallback(input),
          () => 'answered without a model',
        )
        return {
          settled: 'fallback',
          value,
          source: { where: 'fallback' },
          score,
          reason: { ...reason, code: `fallback-${missing}` },
        }
      }
      if (next === 'queue') {
        const { escalation } = await prepareEscalation(way)
        await log.step(
          'outbox',
          () => stages.outbox(request, escalation),
          () => 'kept in the outbox',
        )
        return { settled: 'queued', score, reason: { ...reason, code: `queued-${missing}` } }
      }
    } catch (error) {
      throwIfAborted(request.signal)
      failure = toShape(error)
    }
  }
  return { settled: 'refused', score, reason: { ...reason, code: `refused-${missing}`, error: failure } }
}

/** The outcome; thread, cache, ledger and log are written a task later, so that whoever awaits the answer has it first. */
function end<I, O>(way: Way<I, O>, ending: Ending<O>): Outcome<O> {
  const { request, stages, log, screen, judged, sent } = way
  throwIfAborted(request.signal)
  const answered = 'value' in ending
  const turn = answered ? request.task.turn(request.input, ending.value) : []
  const text = turn.findLast((message) => message.role === 'assistant')?.content ?? ''
  if (answered) screen.release(ending.source, text)
  const stayed = answered && sent === undefined
  const cost = log.cost(stayed ? { prompt: promptLength(request), answer: text.length } : { prompt: 0, answer: 0 })
  const { settled, reason } = ending
  const settlement = {
    request,
    settled,
    reason,
    turn,
    cost,
    judged,
    sent,
    ...(answered ? { value: ending.value, source: ending.source } : {}),
  }
  const done = new Promise<void>((resolve) => setTimeout(resolve, 0))
    .then(() => stages.persist(settlement))
    .catch((error: unknown) => [toShape(error, 'store-failed')])
  const common = {
    id: request.id,
    task: request.task.name,
    reason,
    score: ending.score ?? ('unknown' as const),
    trace: log.trace,
    cost,
    done,
  }
  return answered
    ? { ...common, settled: ending.settled, value: ending.value, source: ending.source }
    : { ...common, settled: ending.settled }
}

/** A request that never was one: nothing ran, so there is nothing to write. */
function refuse<I, O>(order: Order<I, O>, log: RequestLog, reason: Reason): Outcome<O> {
  const { id, task } = order
  const cost = log.cost({ prompt: 0, answer: 0 })
  return { id, task: task.name, settled: 'refused', reason, score: 'unknown', trace: log.trace, cost, done: Promise.resolve([]) }
}

function check<I, O>({ request, log }: Way<I, O>, parsed: Draft['parsed']): Promise<Checked<O>> {
  return log.step(
    'checks',
    () => judge(request.task, request.input, parsed),
    ({ ok }) => (ok ? 'passed' : 'failed'),
  )
}

function onward(code: RouteCode): 'must-go-out' | 'device-not-capable' {
  return code === 'must-go-out' ? 'must-go-out' : 'device-not-capable'
}

function promptLength<I, O>({ task, input, history }: Request<I, O>): number {
  return task.frontier.messages(input, history).reduce((sum, message) => sum + message.content.length, 0)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
