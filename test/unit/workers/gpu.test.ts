import { describe, expect, test } from 'vitest'

import { deviceFeatures, findGpu } from '../../../workers/backends/gpu.ts'
import { threadCount } from '../../../workers/backends/ort.ts'

function gpuWith(info: Partial<GPUAdapterInfo>): GPU {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
  return {
    requestAdapter: () => Promise.resolve({ info: { vendor: 'v', architecture: 'a', description: '', ...info } }),
  } as unknown as GPU
}

describe('the adapter', () => {
  test('a real one is usable, a software one is known as such', async () => {
    expect(await findGpu(gpuWith({}))).toMatchObject({ usable: true, software: false, name: 'v a' })
    expect(await findGpu(gpuWith({ isFallbackAdapter: true }))).toMatchObject({ usable: true, software: true })
    expect(await findGpu(gpuWith({ architecture: 'swiftshader' }))).toMatchObject({ usable: true, software: true })
  })

  test('none, or a failing one, is said in words', async () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
    const gpu = (requestAdapter: () => Promise<null>): GPU => ({ requestAdapter }) as unknown as GPU
    expect(await findGpu(undefined)).toEqual({ usable: false, why: 'this browser has no WebGPU' })
    expect(await findGpu(gpu(() => Promise.resolve(null)))).toEqual({ usable: false, why: 'WebGPU offers no adapter' })
    expect(await findGpu(gpu(() => Promise.reject(new Error('driver'))))).toMatchObject({
      usable: false,
      why: expect.stringContaining('driver'),
    })
  })

  test.each([
    [4, ['shader-f16']],
    [8, ['subgroups', 'shader-f16']],
    [undefined, ['shader-f16']],
  ])('with subgroups of %s and more it is asked for %j', (subgroupMinSize, features) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
    const adapter = {
      features: new Set(['subgroups', 'shader-f16', 'timestamp-query']),
      info: { subgroupMinSize },
    } as unknown as GPUAdapter
    expect(deviceFeatures(adapter)).toEqual(features)
  })
})

test.each([
  [undefined, true, 16, 4],
  [undefined, true, 2, 2],
  [1, true, 8, 1],
  [6, true, 8, 6],
  [4, false, 8, 1],
])('%s threads asked for, isolated %s, %i cores: %i', (asked, isolated, cores, threads) => {
  expect(threadCount(asked, isolated, cores)).toBe(threads)
})
