/**
 * The library's own worker with a stopwatch around each engine: what a call took inside the engine, without the way there and back,
 * goes to the page over a channel of its own.
 */
import { expose } from 'comlink'

import type { Environment } from '../../workers/backends/environment.ts'
import { loadEmbedder } from '../../workers/backends/ort-embed.ts'
import { loadGenerator } from '../../workers/backends/ort-generate.ts'
import { breathe } from '../../workers/breathe.ts'
import { createHost } from '../../workers/host.ts'

const stopwatch = new BroadcastChannel('bench-engine')

function tell(milliseconds: number): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
  stopwatch.postMessage(milliseconds)
}

const environment: Environment = {
  fetch: (input, init) => fetch(input, init),
  caches,
  page: location.href,
  gpu: undefined,
  isolated: crossOriginIsolated,
  cores: navigator.hardwareConcurrency,
  now: () => performance.now(),
  breathe,
}

/** `outside`: milliseconds so far of the call that were the host's and not the engine's. */
async function timed<T>(work: () => T | Promise<T>, outside: () => number = () => 0): Promise<T> {
  const start = performance.now()
  try {
    return await work()
  } finally {
    tell(performance.now() - start - outside())
  }
}

expose(
  createHost({
    async loadGenerator(context) {
      const { generator, report } = await loadGenerator({ ...context, environment })
      return {
        report,
        generator: {
          ...generator,
          generate(request, emit, id, signal) {
            let outside = 0
            const emitTimed: typeof emit = (part) => {
              const start = performance.now()
              emit(part)
              outside += performance.now() - start
            }
            return timed(
              () => generator.generate(request, emitTimed, id, signal),
              () => outside,
            )
          },
          score: (prompt, candidates, signal) => timed(() => generator.score(prompt, candidates, signal)),
          countTokens(prompt) {
            const start = performance.now()
            const count = generator.countTokens(prompt)
            tell(performance.now() - start)
            return count
          },
        },
      }
    },
    async loadEmbedder(context) {
      const { embedder, report } = await loadEmbedder({ ...context, environment })
      return { report, embedder: { ...embedder, embed: (texts, signal) => timed(() => embedder.embed(texts, signal)) } }
    },
    holdLock: (name) =>
      new Promise((resolve, reject) => {
        const held = navigator.locks.request(name, () => {
          resolve()
          return new Promise<never>(() => undefined)
        })
        held.catch(reject)
      }),
    now: environment.now,
  }),
)
