import { expose } from 'comlink'

import type { EngineOptions, Prompt } from '../../../src/contracts/engine.ts'
import type { ErrorShape } from '../../../src/contracts/error-shape.ts'
import type { Part, Source } from '../../../src/contracts/part.ts'
import type { EngineWorker, Wire } from '../../../src/contracts/wire.ts'
import type { Life, Script } from './script.ts'

declare const self: { readonly name: string; close(): void }

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both sides are this test
const me = JSON.parse(self.name) as Life
const source: Source = { where: 'device', model: 'scripted' }
const cancelled = new Map<string, () => void>()
let model: EngineOptions | undefined

const ok = <T>(value: T): Wire<T> => ({ ok: true, value })
const no = (code: ErrorShape['code'], message: string): Wire<never> => ({ ok: false, error: { code, message, retryable: false } })
const never = new Promise<never>(() => undefined)

function read(text: string): Script {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both sides are this test
  return JSON.parse(text) as Script
}

function textOf(prompt: Prompt): string {
  return 'text' in prompt ? prompt.text : (prompt.messages[0]?.content ?? '{}')
}

/** Does what the script says happens; undefined if the call is to go on. */
async function fate(id: string, script: Script): Promise<Wire<never> | undefined> {
  if (script.fate === undefined || (script.lives !== undefined && !script.lives.includes(me.life))) return undefined
  switch (script.fate) {
    case 'close':
      self.close()
      return never
    case 'throw':
      setTimeout(() => {
        throw new Error('scripted crash')
      })
      return never
    case 'reject':
      throw new Error('scripted throw')
    case 'hang':
      await new Promise<void>((resolve) => cancelled.set(id, resolve))
      return no('aborted', 'cancelled')
    case 'deaf':
      return never
    case 'spin':
      for (;;);
    case 'error':
      return { ok: false, error: script.error ?? { code: 'engine-failed', message: 'scripted', retryable: false } }
    case 'silence':
      return undefined
  }
}

const worker: EngineWorker = {
  async hello({ api, lock }) {
    if (me.hello === 'close') self.close()
    if (me.hello !== undefined) return never
    if (api !== me.api) return no('worker-failed', `This worker speaks version ${me.api} of the wire, the page ${api}.`)
    await new Promise<void>((resolve) => {
      void navigator.locks.request(lock, () => {
        resolve()
        return never
      })
    })
    return ok(undefined)
  },
  async load(_id, options, onProgress) {
    if (me.load === 'close') {
      self.close()
      return never
    }
    const backend = options.backend === 'auto' ? 'webgpu' : options.backend
    if (me.failLoadOn?.includes(backend) === true && me.life >= (me.failLoadFrom ?? 1)) {
      return { ok: false, error: me.loadError ?? { code: 'self-check-failed', message: 'wrong token', retryable: false } }
    }
    model = options
    await Promise.resolve(onProgress({ model: options.model.id, stage: 'download', file: 'a', loaded: 1, total: 2 }))
    await Promise.resolve(onProgress({ model: options.model.id, stage: 'ready', loaded: 2, total: 2 }))
    return ok({
      model: options.model.id,
      revision: 'main',
      dtype: backend === 'wasm' ? 'q8' : 'q4',
      backend,
      reason: `As told, in life ${me.life}.`,
      threads: 1,
      bytesFromNetwork: 2,
      bytesFromCache: 0,
      contextLength: 64,
      milliseconds: 1,
    })
  },
  async generate(id, request, onParts) {
    if (model === undefined) return no('not-loaded', 'No model is loaded.')
    const script = read(textOf(request.prompt))
    const words = script.words ?? []
    let stopped = false
    cancelled.set(id, () => {
      stopped = true
    })
    let batch: Part[] = [{ type: 'start', source, id }]
    const flush = async (): Promise<void> => {
      const parts = batch
      batch = []
      await Promise.resolve(onParts(parts))
    }
    for (const [i, word] of words.entries()) {
      if (i === (script.after ?? 0)) {
        await flush()
        const end = await fate(id, script)
        if (end !== undefined) return end
        if (script.fate === 'silence') return ok(undefined)
      }
      if (stopped) return no('aborted', 'cancelled')
      batch.push({ type: 'delta', source, text: script.unlike === true ? `${word}${me.life}` : word })
      batch.push({ type: 'signals', source, tokens: [{ token: i, logprob: -i, entropy: 0, margin: 0 }] })
      if (batch.length >= (script.batch ?? 1)) await flush()
    }
    batch.push({ type: 'finish', source, reason: 'stop', usage: { promptTokens: 1, completionTokens: words.length } })
    await flush()
    return ok(undefined)
  },
  async score(id, prompt, candidates) {
    const end = await fate(id, read(textOf(prompt)))
    return end ?? ok(candidates.map((candidate) => ({ logprob: -candidate.length, tokens: me.life })))
  },
  async countTokens(id, prompt) {
    const end = await fate(id, read(textOf(prompt)))
    return end ?? ok(me.life)
  },
  async embed(id, texts) {
    const end = await fate(id, read(texts[0] ?? '{}'))
    return end ?? ok(texts.map(() => Float32Array.of(1, 0)))
  },
  async cancel(id) {
    cancelled.get(id)?.()
  },
  async unload() {
    model = undefined
    return ok(undefined)
  },
}

expose(worker)
