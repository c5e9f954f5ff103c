import { expect, test } from 'vitest'

import { breathe } from '../../../workers/breathe.ts'
import { loadGenerator } from '../../../workers/backends/ort-generate.ts'
import { LANGUAGE_MODEL, OWN_HOST } from './worker.ts'

/**
 * SwiftShader with the feature whose kernels are wrong on it, passed off as a real adapter with large subgroups: what a driver
 * would be that lies about itself.
 */
async function lyingGpu(): Promise<GPU> {
  const adapter = await navigator.gpu.requestAdapter()
  if (adapter === null) throw new Error('This browser has no WebGPU adapter.')
  const info = { vendor: 'test', architecture: 'liar', description: '', isFallbackAdapter: false, subgroupMinSize: 32 }
  const lying = {
    info,
    features: adapter.features,
    limits: adapter.limits,
    requestDevice: (descriptor: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake of what is used
  return { requestAdapter: () => Promise.resolve(lying) } as unknown as GPU
}

test('wrong kernels on a GPU are found, and the load steps down to WASM', async () => {
  const stages: string[] = []
  const { generator, report } = await loadGenerator({
    options: { model: { id: LANGUAGE_MODEL }, sources: OWN_HOST, backend: 'auto', threads: 1 },
    environment: {
      fetch: (input, init) => fetch(input, init),
      caches: undefined,
      page: location.href,
      gpu: await lyingGpu(),
      isolated: crossOriginIsolated,
      cores: 2,
      now: () => performance.now(),
      breathe,
    },
    signal: new AbortController().signal,
    onProgress: ({ stage }) => {
      if (stages.at(-1) !== stage) stages.push(stage)
    },
  })
  await generator.release()
  expect(report).toMatchObject({ backend: 'wasm', dtype: 'q8' })
  expect(report.reason).toContain('self-check-failed')
  expect(stages).toEqual(['download', 'session', 'self-check', 'download', 'session', 'ready'])
}, 600_000)
