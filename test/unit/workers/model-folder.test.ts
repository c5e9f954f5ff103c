import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { LoadProgress, ModelSource } from '../../../src/contracts/models.ts'
import { openFileCache } from '../../../workers/models/file-cache.ts'
import { ModelFolder } from '../../../workers/models/model-folder.ts'
import { externalDataFiles, graphFile } from '../../../workers/models/source-files.ts'
import { type HubServer, memoryCaches, sha256, startHub } from './hub-server.ts'

const weights = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7) % 251)
/** `toEqual` compares millions of bytes one by one, which takes seconds. */
const isWeights = (bytes: Uint8Array): boolean => Buffer.from(bytes).equals(weights)
const spec = { id: 'org/name' }

let server: HubServer
let caches: ReturnType<typeof memoryCaches>

beforeEach(async () => {
  caches = memoryCaches()
  server = await startHub({
    'org/name@main/config.json': '{"layers":2}',
    'org/name@main/onnx/model_q4.onnx': weights,
    'org/name@v2/config.json': '{"layers":3}',
    'org/name/config.json': '{"layers":4}',
    'org/name/onnx/model_q4.onnx': weights,
    'manifest.json': JSON.stringify({
      version: 1,
      models: [
        {
          id: 'org/name',
          revision: 'own-1',
          license: 'x',
          source: 'y',
          files: [
            { path: 'config.json', bytes: 12, sha256: sha256(new TextEncoder().encode('{"layers":4}')) },
            { path: 'onnx/model_q4.onnx', bytes: weights.length, sha256: sha256(weights) },
          ],
        },
      ],
    }),
  })
})

afterEach(() => server.close())

const hub = (): ModelSource => ({ base: server.base, layout: 'hub' })
const folder = (): ModelSource => ({ base: `${server.base}/folder`, layout: 'folder' })

async function open(
  sources: readonly ModelSource[],
  extra: {
    readonly revision?: string
    readonly signal?: AbortSignal
    readonly onProgress?: (progress: LoadProgress) => void
    readonly kept?: boolean
  } = {},
): Promise<ModelFolder> {
  const { revision, signal, onProgress, kept = true } = extra
  const cache = await openFileCache(kept ? caches : undefined)
  return new ModelFolder({ spec: { ...spec, revision }, sources, fetch, cache, signal, onProgress })
}

describe('from a hub', () => {
  test('redirects are followed, bytes counted, progress reported to its end', async () => {
    const progress: LoadProgress[] = []
    const files = await open([hub()], { onProgress: (each) => progress.push(each) })
    expect(await files.json('config.json')).toEqual({ layers: 2 })
    expect(await files.bytes('onnx/model_q4.onnx')).toSatisfy(isWeights)
    expect(files).toMatchObject({ bytesFromNetwork: weights.length + 12, bytesFromCache: 0 })
    expect(progress.length).toBeGreaterThan(3)
    expect(progress.at(-1)).toEqual({
      model: 'org/name',
      stage: 'download',
      file: 'onnx/model_q4.onnx',
      loaded: weights.length + 12,
      total: weights.length + 12,
    })
  })

  test('a second start asks the network nothing, not even for files that are not there', async () => {
    const first = await open([hub()])
    await first.all(['config.json', 'onnx/model_q4.onnx'])
    expect(await first.optionalJson('generation_config.json')).toBeUndefined()
    server.requests.length = 0
    const second = await open([hub()])
    expect(await second.bytes('onnx/model_q4.onnx')).toSatisfy(isWeights)
    expect(await second.json('config.json')).toEqual({ layers: 2 })
    expect(await second.optionalJson('generation_config.json')).toBeUndefined()
    expect(second).toMatchObject({ bytesFromNetwork: 0, bytesFromCache: weights.length + 12 })
    expect(server.requests).toEqual([])
  })

  test('another revision is another model', async () => {
    await (await open([hub()])).bytes('config.json')
    expect(await (await open([hub()], { revision: 'v2' })).json('config.json')).toEqual({ layers: 3 })
  })

  test('without a Cache API everything still loads', async () => {
    expect(await (await open([hub()], { kept: false })).json('config.json')).toEqual({ layers: 2 })
  })

  test('a file that is nowhere: every address that was tried is named', async () => {
    const files = await open([folder(), hub()])
    const error: unknown = await files.bytes('tokenizer.json').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'model-not-found', details: { file: 'tokenizer.json' } })
    expect(String(error)).toContain(`${server.base}/folder/org/name/tokenizer.json`)
    expect(String(error)).toContain(`${server.base}/org/name/resolve/main/tokenizer.json`)
  })
})

describe('what goes wrong', () => {
  test.each([
    ['truncated', 'org/name@main/', 'broke off'],
    ['truncated', 'org/name/', 'broke off'],
    ['corrupt', 'org/name/', 'SHA-256'],
  ] as const)('a %s file in %s is refused by name, and the next try heals', async (fault, path, message) => {
    const name = `${path}onnx/model_q4.onnx`
    server.faults.set(name, fault)
    const sources = [path.includes('@') ? hub() : folder()]
    const error: unknown = await (await open(sources)).bytes('onnx/model_q4.onnx').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'model-corrupt', retryable: true, details: { file: 'onnx/model_q4.onnx' } })
    expect(String(error)).toContain(message)
    server.faults.clear()
    const healed = await open(sources)
    expect(await healed.bytes('onnx/model_q4.onnx')).toSatisfy(isWeights)
    expect(healed.bytesFromCache).toBe(0)
  })

  test('within one folder, a failed file is tried again too', async () => {
    server.faults.set('org/name@main/config.json', 'unavailable')
    const files = await open([hub()])
    await expect(files.bytes('config.json')).rejects.toMatchObject({ code: 'network', retryable: true })
    server.faults.clear()
    expect(await files.json('config.json')).toEqual({ layers: 2 })
  })

  test('a kept file that was cut is dropped and fetched again', async () => {
    await (await open([hub()])).bytes('onnx/model_q4.onnx')
    for (const store of caches.stores.values()) {
      for (const [key, response] of store) store.set(key, new Response(weights.slice(0, 10), { headers: response.headers }))
    }
    const again = await open([hub()])
    expect(await again.bytes('onnx/model_q4.onnx')).toSatisfy(isWeights)
    expect(again.bytesFromNetwork).toBe(weights.length)
  })

  test('evicted files are fetched again', async () => {
    const first = await open([hub()])
    await first.bytes('config.json')
    await first.evict(['config.json'])
    const second = await open([hub()])
    await second.bytes('config.json')
    expect(second).toMatchObject({ bytesFromNetwork: 12, bytesFromCache: 0 })
  })

  test('an abort ends the download', async () => {
    server.faults.set('org/name@main/onnx/model_q4.onnx', 'hang')
    const controller = new AbortController()
    const files = await open([hub()], { signal: controller.signal })
    const loading = files.bytes('onnx/model_q4.onnx')
    setTimeout(() => controller.abort(), 20)
    await expect(loading).rejects.toMatchObject({ code: 'aborted' })
  })

  test('one failure stops the other downloads', async () => {
    server.faults.set('org/name@main/onnx/model_q4.onnx', 'hang')
    const files = await open([hub()])
    await expect(files.all(['onnx/model_q4.onnx', 'missing.bin'])).rejects.toMatchObject({ code: 'model-not-found' })
  })

  test('a host that cannot be reached is a network error, after the others were tried', async () => {
    const gone: ModelSource = { base: 'http://127.0.0.1:9', layout: 'hub' }
    expect(await (await open([gone, hub()])).json('config.json')).toEqual({ layers: 2 })
    await expect((await open([gone])).bytes('onnx/other.onnx')).rejects.toMatchObject({ code: 'network', retryable: true })
  })

  test('a name that is not org/name, or no source, is a mistake of the caller', async () => {
    const cache = await openFileCache(undefined)
    for (const id of ['name', '../x/y', 'a/../b', 'a/b/c']) {
      expect(() => new ModelFolder({ spec: { id }, sources: [hub()], fetch, cache })).toThrow(
        expect.objectContaining({ code: 'invalid-option' }),
      )
    }
    expect(() => new ModelFolder({ spec, sources: [], fetch, cache })).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})

describe('from the own host', () => {
  test('its manifest is the truth: files it does not name are not asked for', async () => {
    const files = await open([folder()])
    expect(await files.json('config.json')).toEqual({ layers: 4 })
    expect(await files.optionalText('chat_template.jinja')).toBeUndefined()
    expect(server.requests.some((url) => url.includes('chat_template'))).toBe(false)
  })

  test('at a revision it does not have, the next source is asked', async () => {
    expect(await (await open([folder(), hub()], { revision: 'v2' })).json('config.json')).toEqual({ layers: 3 })
    expect(await (await open([folder(), hub()], { revision: 'own-1' })).json('config.json')).toEqual({ layers: 4 })
  })

  test('without a manifest, an HTML page in place of a file means it is not there', async () => {
    server.files.delete('manifest.json')
    const files = await open([folder()])
    expect(await files.json('config.json')).toEqual({ layers: 4 })
    expect(await files.optionalText('chat_template.jinja')).toBeUndefined()
    await expect(files.bytes('tokenizer.json')).rejects.toMatchObject({ code: 'model-not-found' })
  })

  test('a broken manifest is named', async () => {
    server.files.set('manifest.json', new TextEncoder().encode('{"version":2}'))
    await expect((await open([folder()])).bytes('config.json')).rejects.toMatchObject({
      code: 'model-corrupt',
      details: { file: 'manifest.json' },
    })
  })
})

describe('file names', () => {
  test.each([
    ['q4', 'onnx/model_q4.onnx'],
    ['q8', 'onnx/model_quantized.onnx'],
    ['fp32', 'onnx/model.onnx'],
  ] as const)('%s is %s', (dtype, file) => expect(graphFile(dtype)).toBe(file))

  test.each([
    [{ 'model_q4.onnx': 2 }, ['onnx/model_q4.onnx_data', 'onnx/model_q4.onnx_data_1']],
    [{ model: true }, ['onnx/model_q4.onnx_data']],
    [{ 'model_fp16.onnx': 1 }, []],
    [true, ['onnx/model_q4.onnx_data']],
    [undefined, []],
  ])('external data %j', (format, files) => {
    expect(externalDataFiles({ 'transformers.js_config': { use_external_data_format: format } }, 'onnx/model_q4.onnx')).toEqual(
      files,
    )
  })
})
