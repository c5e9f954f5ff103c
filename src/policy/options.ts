import type { RuntimeOptions, World } from '../contracts/runtime.ts'
import { UsageError } from '../errors/usage-error.ts'

/** Throws UsageError('invalid-option') for runtime options that cannot be meant, with what to write instead. */
export function checkOptions(options: RuntimeOptions): void {
  const wrong = (message: string): never => {
    throw new UsageError('invalid-option', message)
  }
  if (typeof options.worker !== 'function') {
    wrong(
      "worker must be a function that makes a worker: () => new Worker(new URL('transaxle/worker', import.meta.url), { type: 'module' })",
    )
  }
  for (const kind of ['encoder', 'generator'] as const) {
    const model = options.models[kind]
    const id = typeof model === 'string' ? model : model?.id
    if (id !== undefined && !/^[\w.-]+\/[\w.-]+$/.test(id))
      wrong(`models.${kind} must name a model as on the hub, "org/name"; got "${id}".`)
  }
  const { gateway, threads } = options
  if (gateway !== undefined && gateway.url === '')
    wrong('gateway.url must be the address of the gateway, "/v1" for one on the same host.')
  if (gateway?.budgetPerDay !== undefined && !(gateway.budgetPerDay >= 0))
    wrong('gateway.budgetPerDay must be a sum of money, 0 or more.')
  if (gateway?.budgetPerDay !== undefined && gateway.price === undefined)
    wrong('gateway.budgetPerDay needs gateway.price: without prices nothing is ever spent.')
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) wrong('threads must be a whole number, 1 or more.')
}

/** The page's own clock, ids, network and locks. */
export function pageWorld(): World {
  return {
    now: () => Date.now(),
    newId: () => crypto.randomUUID(),
    random: () => Math.random(),
    fetch: (input, init) => fetch(input, init),
    onLine: () => globalThis.navigator?.onLine ?? true,
    locks: globalThis.navigator?.locks,
  }
}
