import { describe, expect, it, vi } from 'vitest'

import type { Privacy, RequestFacts } from '../../../src/contracts/stages.ts'
import { createGates, type GateFacts } from '../../../src/policy/gates.ts'

function request(privacy?: Privacy): RequestFacts {
  return {
    id: 'r1',
    task: { name: 't', version: 1, hash: 'h', cacheable: true },
    input: {},
    history: [],
    key: 'k',
    options: { privacy },
    signal: new AbortController().signal,
  }
}

const facts: GateFacts = {
  online: () => true,
  spentToday: async () => 0,
  budgetPerDay: 1,
  deviceCapable: () => undefined,
  frontierConfigured: true,
}

describe('createGates', () => {
  it('opens both ways where nothing speaks against them', async () => {
    expect(await createGates(facts)(request())).toEqual({ device: { open: true }, frontier: { open: true } })
  })

  it('keeps a request on the device without asking the network or the store', async () => {
    const online = vi.fn(() => true)
    const spentToday = vi.fn(async () => 0)
    const gates = await createGates({ ...facts, online, spentToday })(request('device'))
    expect(gates.frontier).toMatchObject({ open: false, code: 'must-stay-on-device' })
    expect(online).not.toHaveBeenCalled()
    expect(spentToday).not.toHaveBeenCalled()
  })

  it('shuts the device to what must go out, and where it is not capable', async () => {
    expect((await createGates(facts)(request('frontier'))).device).toMatchObject({ open: false, code: 'must-go-out' })
    const gates = await createGates({ ...facts, deviceCapable: () => 'No WebAssembly.' })(request())
    expect(gates.device).toEqual({ open: false, code: 'device-not-capable', why: 'No WebAssembly.' })
  })

  it.each<[string, Partial<GateFacts>]>([
    ['no-frontier', { frontierConfigured: false, online: () => false }],
    ['budget-spent', { spentToday: async () => 1, online: () => false }],
    ['budget-spent', { spentToday: () => Promise.reject(new Error('disk')) }],
    ['offline', { online: async () => false }],
    ['offline', { online: () => Promise.reject(new Error('probe')) }],
  ])('closes the frontier with %s', async (code, changed) => {
    expect((await createGates({ ...facts, ...changed })(request())).frontier).toMatchObject({ open: false, code })
  })

  it('asks for no budget where there is no limit', async () => {
    const gates = createGates({ ...facts, budgetPerDay: undefined, spentToday: () => Promise.reject(new Error('disk')) })
    expect((await gates(request())).frontier).toEqual({ open: true })
  })
})
