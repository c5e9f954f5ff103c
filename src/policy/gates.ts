import type { Route, RequestFacts, Stages } from '../contracts/stages.ts'

export interface GateFacts {
  /** Whether the gateway can be reached now. A rejection counts as no. */
  readonly online: () => boolean | Promise<boolean>
  /** Money spent at the frontier since midnight, in the currency of the price list. A rejection counts as too much. */
  readonly spentToday: () => Promise<number>
  /** Same currency. Absent: no limit. */
  readonly budgetPerDay?: number | undefined
  /** Why this device can run no model at all, if so. */
  readonly deviceCapable: () => string | undefined
  /** Whether there is a gateway to ask. */
  readonly frontierConfigured: boolean
}

const OPEN: Route = { open: true }

/**
 * The hard rules before any score. The first that applies closes a way, in this order:
 * device: must go out, device not capable; frontier: must stay on the device, no gateway, budget spent, offline.
 * A request that must stay on the device asks the network nothing, not even whether it is there.
 */
export function createGates(facts: GateFacts): Stages['gates'] {
  const { online, spentToday, budgetPerDay, deviceCapable, frontierConfigured } = facts

  function device(request: RequestFacts): Route {
    if (request.options.privacy === 'frontier') {
      return { open: false, code: 'must-go-out', why: 'The request is marked for the frontier model.' }
    }
    const why = deviceCapable()
    return why === undefined ? OPEN : { open: false, code: 'device-not-capable', why }
  }

  async function frontier(request: RequestFacts): Promise<Route> {
    if (request.options.privacy === 'device') {
      return { open: false, code: 'must-stay-on-device', why: 'The request is marked to stay on the device.' }
    }
    if (!frontierConfigured) return { open: false, code: 'no-frontier', why: 'No gateway is configured.' }
    if (budgetPerDay !== undefined) {
      const spent = await spentToday().catch(() => undefined)
      if (spent === undefined) return { open: false, code: 'budget-spent', why: 'What was spent today could not be read.' }
      if (spent >= budgetPerDay) return { open: false, code: 'budget-spent', why: `Today's budget of ${budgetPerDay} is spent.` }
    }
    const reachable = await reach()
    return reachable ? OPEN : { open: false, code: 'offline', why: 'The gateway cannot be reached.' }
  }

  async function reach(): Promise<boolean> {
    try {
      return await online()
    } catch {
      return false
    }
  }

  return async (request) => ({ device: device(request), frontier: await frontier(request) })
}
