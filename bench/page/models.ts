export const GENERATOR = 'HuggingFaceTB/SmolLM2-135M-Instruct'
export const ENCODER = 'Xenova/all-MiniLM-L6-v2'

export function engineWorker(): Worker {
  return new Worker(new URL('../../workers/engine.worker.ts', import.meta.url), { type: 'module' })
}
