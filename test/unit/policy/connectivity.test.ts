import { expect, test } from 'vitest'

import { createConnectivity } from '../../../src/policy/connectivity.ts'

function setUp(answers: readonly boolean[]) {
  let time = 0
  let probes = 0
  const changes: boolean[] = []
  const connectivity = createConnectivity({
    probe: async () => {
      const answer = answers[Math.min(probes, answers.length - 1)] ?? false
      probes += 1
      return answer
    },
    onLine: () => true,
    now: () => time,
    onChange: (online) => void changes.push(online),
  })
  return { connectivity, changes, probes: () => probes, pass: (milliseconds: number) => (time += milliseconds) }
}

test('the first answer is measured, the next are taken from it for ten seconds', async () => {
  const { connectivity, probes } = setUp([true])
  expect(await connectivity.online()).toBe(true)
  expect(await connectivity.online()).toBe(true)
  expect(probes()).toBe(1)
})

test('an old measurement is the answer until the new one is there: nobody waits for a probe', async () => {
  const { connectivity, pass, changes } = setUp([true, false])
  await connectivity.online()
  pass(10_000)
  expect(await connectivity.online()).toBe(true)
  await expect.poll(() => connectivity.online()).toBe(false)
  expect(changes).toEqual([true, false])
})

test('a real exchange counts as a measurement', async () => {
  const { connectivity, probes, changes } = setUp([true])
  await connectivity.online()
  connectivity.saw(false)
  connectivity.saw(false)
  expect(await connectivity.online()).toBe(false)
  expect(probes()).toBe(1)
  expect(changes).toEqual([true, false])
})

test('the switch is believed at once, and measured anew when it is turned back', async () => {
  const { connectivity, probes, changes } = setUp([true])
  await connectivity.online()
  connectivity.offline = true
  expect(await connectivity.online()).toBe(false)
  connectivity.offline = false
  expect(await connectivity.online()).toBe(true)
  expect(probes()).toBe(2)
  expect(changes).toEqual([true, false, true])
})

test('a probe that fails is a no', async () => {
  const connectivity = createConnectivity({
    probe: () => Promise.reject(new Error('no route')),
    onLine: () => true,
    now: () => 0,
  })
  expect(await connectivity.online()).toBe(false)
})
