import { expose } from 'comlink'

import { breathe } from './breathe.ts'
import type { Environment } from './backends/environment.ts'
import { createHost } from './host.ts'

/**
 * The worker's entry. `?ort=URL` on the worker's own address names the folder of onnxruntime-web's files, for apps whose bundler
 * does not copy them: `new Worker('/transaxle/worker.js?ort=/vendor/ort/', { type: 'module' })`.
 */
const ortFolder = new URL(location.href).searchParams.get('ort')

const environment: Environment = {
  fetch: (input, init) => fetch(input, init),
  caches: typeof caches === 'undefined' ? undefined : caches,
  page: location.href,
  gpu: navigator.gpu,
  isolated: crossOriginIsolated,
  cores: navigator.hardwareConcurrency,
  now: () => performance.now(),
  breathe,
  ortAssets: ortFolder === null ? undefined : new URL(ortFolder, location.href).href,
}

expose(
  createHost({
    loadGenerator: async (context) => (await import('./backends/ort-generate.ts')).loadGenerator({ ...context, environment }),
    loadEmbedder: async (context) => (await import('./backends/ort-embed.ts')).loadEmbedder({ ...context, environment }),
    holdLock,
    now: environment.now,
  }),
)

/** The lock is let go only by the worker's death, which is how others learn of it. */
function holdLock(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(name, () => {
      resolve()
      return new Promise<never>(() => undefined)
    })
    held.catch(reject)
  })
}
