import type { CallOptions, GenerateRequest, GenerationEngine, LoadOptions, Prompt } from '../contracts/engine.ts'
import type { LoadReport } from '../contracts/models.ts'
import type { Part } from '../contracts/part.ts'
import type { AnswerSignals, CandidateScore, TokenSignals } from '../contracts/signals.ts'
import { throwIfAborted } from '../utils/deadline.ts'
import type { Fault } from './fault.ts'
import type { Pace } from './stream.ts'
import { bounded, piecesOf, stream, wait } from './stream.ts'

export interface FakeGenerationOptions extends Pace {
  /** One answer for each `generate`, in order; the last one again when they run out. Default: one empty answer. */
  readonly answers?: readonly string[] | undefined
  /** The answer to a request, instead of `answers`. */
  readonly respond?: ((request: GenerateRequest) => string | Promise<string>) | undefined
  /** Log-probability (nats) of every token, so of the answer; `false`: an engine without signals. Default -0.1. */
  readonly signals?: number | false | undefined
  /** Log-probability of a candidate. Default: minus its length, so that the shortest one wins. */
  readonly scoreOf?: ((prompt: Prompt, candidate: string) => number) | undefined
  /** Every call ends in this error, as a part or a rejection. Change it with the engine's `failWith`. */
  readonly failWith?: Fault | undefined
  /** Pieces of text that `generate` still gives before it fails. Default 0. */
  readonly failAfter?: number | undefined
}

export interface FakeGenerationEngine extends GenerationEngine {
  /** The requests that were generated for, in order. */
  readonly requests: readonly GenerateRequest[]
  readonly scored: readonly { readonly prompt: Prompt; readonly candidates: readonly string[] }[]
  failWith: Fault | undefined
  close(): void
}

const MODEL = 'fake/generator'
const SOURCE = { where: 'device', model: `${MODEL} q8` } as const

/**
 * A language model that says what it is told. A token is a word with the space before it; `maxTokens` and `stop` are heeded.
 * It is loaded from the start.
 */
export function fakeGenerationEngine(options: FakeGenerationOptions = {}): FakeGenerationEngine {
  const { answers = [''], respond, signals = -0.1, scoreOf = (_prompt, candidate) => -candidate.length } = options
  const requests: GenerateRequest[] = []
  const scored: { prompt: Prompt; candidates: readonly string[] }[] = []

  const check = async ({ signal }: CallOptions): Promise<void> => {
    await wait(options, signal)
    if (engine.failWith !== undefined) throw engine.failWith
  }

  async function* answerTo(request: GenerateRequest, count: number, signal: AbortSignal | undefined): AsyncGenerator<Part> {
    const answer = (await respond?.(request)) ?? answers[Math.min(count, answers.length) - 1] ?? ''
    const said = cut(answer, request.stop ?? [])
    const words = piecesOf(said)
    const pieces = words.slice(0, request.maxTokens)
    const reason = pieces.length < words.length ? 'length' : said.length < answer.length ? 'stop-string' : 'stop'
    const usage = { promptTokens: countWords(request.prompt), completionTokens: pieces.length }
    const { failWith } = engine
    const streamed = { id: `fake-${count}`, source: SOURCE, pieces, reason, usage, failWith, failAfter: options.failAfter } as const
    yield* stream(signals === false ? streamed : { ...streamed, ...signalsOf(pieces.length, signals) }, options, signal)
  }

  const engine: FakeGenerationEngine = {
    requests,
    scored,
    failWith: options.failWith,
    capabilities: { signals: signals !== false, grammar: false, prefixReuse: false },
    async load(load = {}) {
      await check(load)
      return loadReport(MODEL, load)
    },
    async *generate(request, call = {}): AsyncGenerator<Part> {
      throwIfAborted(call.signal)
      requests.push(request)
      yield* bounded(answerTo(request, requests.length, call.signal), SOURCE, call.deadline, call.deadline, call.signal)
    },
    async score(prompt, candidates, call = {}): Promise<readonly CandidateScore[]> {
      scored.push({ prompt, candidates })
      await check(call)
      return candidates.map((candidate) => ({
        logprob: scoreOf(prompt, candidate),
        tokens: Math.max(1, piecesOf(candidate).length),
      }))
    },
    async countTokens(prompt) {
      await check({})
      return countWords(prompt)
    },
    unload: () => Promise.resolve(),
    close: () => undefined,
  }
  return engine
}

/** The report of a model that was in the cache. */
export function loadReport(model: string, { onProgress }: LoadOptions): LoadReport {
  onProgress?.({ model, stage: 'ready', loaded: 1, total: 1 })
  return {
    model,
    revision: 'main',
    dtype: 'q8',
    backend: 'wasm',
    reason: 'It is a fake and needs no GPU.',
    threads: 1,
    bytesFromNetwork: 0,
    bytesFromCache: 1,
    contextLength: 2048,
    milliseconds: 0,
  }
}

function cut(text: string, stops: readonly string[]): string {
  const ends = stops
    .filter((stop) => stop !== '')
    .map((stop) => text.indexOf(stop))
    .filter((at) => at >= 0)
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
}

function countWords(prompt: Prompt): number {
  const text = 'text' in prompt ? prompt.text : [...prompt.messages.map(({ content }) => content), prompt.prefill ?? ''].join(' ')
  return piecesOf(text).length
}

function signalsOf(count: number, logprob: number): { readonly tokens: readonly TokenSignals[]; readonly signals?: AnswerSignals } {
  const entropy = -logprob
  const tokens = Array.from({ length: count }, (_, token) => ({ token, logprob, entropy, margin: 1 }))
  if (count === 0) return { tokens }
  const mean = { meanLogprob: logprob, meanEntropy: entropy, meanMargin: 1 }
  return { tokens, signals: { tokens: count, ...mean, minLogprob: logprob, maxEntropy: entropy, minMargin: 1 } }
}
