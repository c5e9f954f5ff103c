import type { EngineOptions } from '../../../src/contracts/engine.ts'
import type { Part } from '../../../src/contracts/part.ts'
import type { Life } from './script.ts'

// oxlint-disable-next-line import/default -- Vite makes this export: the address of the worker's script
import scriptedWorker from './scripted.worker.ts?worker&url'

export const ENGINE: EngineOptions = { model: { id: 'test/scripted' }, sources: [], backend: 'wasm' }

/** Makes scripted workers, numbers their lives, and keeps their handles. */
export class Lives {
  readonly workers: Worker[] = []
  readonly #script: Partial<Life>

  constructor(script: Partial<Life> = {}) {
    this.#script = script
  }

  readonly create = (): Worker => {
    const life: Life = { api: 1, ...this.#script, life: this.workers.length + 1 }
    const worker = new Worker(scriptedWorker, { type: 'module', name: JSON.stringify(life) })
    this.workers.push(worker)
    return worker
  }

  get last(): Worker {
    const last = this.workers.at(-1)
    if (last === undefined) throw new Error('No worker was made.')
    return last
  }
}

export async function collect(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = []
  for await (const part of parts) all.push(part)
  return all
}

export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === 'delta' ? part.text : '')).join('')
}

/** The Web Locks of workers that are alive now. */
export async function livingWorkers(): Promise<string[]> {
  const { held = [] } = await navigator.locks.query()
  return held.flatMap(({ name }) => (name?.startsWith('transaxle:') === true ? [name] : []))
}
