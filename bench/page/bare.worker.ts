/** The peer of `core/decode`: a language model over onnxruntime-web with as little around it as greedy decoding needs. */
import type { InferenceSession, Tensor } from 'onnxruntime-web'
import type * as Ort from 'onnxruntime-web/wasm'

import { GENERATOR } from './models.ts'

export interface BareLoad {
  readonly type: 'load'
  readonly threads: number
}

export interface BareGenerate {
  readonly type: 'generate'
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly stop: number
}

export interface BareAnswer {
  readonly tokens: readonly number[]
  /** Milliseconds from the first token to the last. */
  readonly decoding: number
}

const LAYERS = 30
const KV_HEADS = 3
const HEAD_SIZE = 64
const FILES = ['model_quantized.onnx', 'model_quantized.onnx_data', 'model_quantized.onnx_data_1']

let loaded: { readonly ort: typeof Ort; readonly session: InferenceSession } | undefined

async function load(threads: number): Promise<void> {
  const ort = await import('onnxruntime-web/wasm')
  ort.env.wasm.numThreads = threads
  const folder = `/models/${GENERATOR}/onnx/`
  const [model, ...data] = await Promise.all(
    FILES.map(async (file) => new Uint8Array(await (await fetch(folder + file)).arrayBuffer())),
  )
  if (model === undefined) throw new Error('There is no model.')
  const externalData = data.map((bytes, i) => ({ path: FILES[i + 1] ?? '', data: bytes }))
  loaded = { ort, session: await ort.InferenceSession.create(model, { executionProviders: ['wasm'], externalData }) }
}

async function generate({ prompt, maxTokens, stop }: BareGenerate): Promise<BareAnswer> {
  if (loaded === undefined) throw new Error('The model is not loaded.')
  const { ort, session } = loaded
  const int64 = (values: readonly bigint[], dims: readonly number[]): Tensor =>
    new ort.Tensor('int64', BigInt64Array.from(values), dims)
  const cache: Record<string, Tensor> = {}
  for (let layer = 0; layer < LAYERS; layer += 1) {
    for (const part of ['key', 'value']) {
      cache[`past_key_values.${layer}.${part}`] = new ort.Tensor('float32', new Float32Array(0), [1, KV_HEADS, 0, HEAD_SIZE])
    }
  }
  const takesPositions = session.inputNames.includes('position_ids')
  const takesKeep = session.inputNames.includes('num_logits_to_keep')
  const tokens: number[] = []
  let input = prompt
  let length = 0
  let first = 0
  let last = 0
  while (tokens.length < maxTokens) {
    const past = length
    length += input.length
    const feeds: Record<string, Tensor> = {
      ...cache,
      input_ids: int64(input.map(BigInt), [1, input.length]),
      attention_mask: new ort.Tensor('int64', new BigInt64Array(length).fill(1n), [1, length]),
    }
    if (takesPositions)
      feeds['position_ids'] = int64(
        input.map((_, i) => BigInt(past + i)),
        [1, input.length],
      )
    if (takesKeep) feeds['num_logits_to_keep'] = int64([1n], [])
    const results = await session.run(feeds)
    for (const name of Object.keys(cache)) {
      const present = results[name.replace('past_key_values.', 'present.')]
      if (present === undefined) throw new Error(`The graph gave no ${name}.`)
      cache[name] = present
    }
    const logits = results['logits']
    if (!(logits?.data instanceof Float32Array)) throw new Error('The graph gave no logits.')
    const token = argmaxOfLastRow(logits.data, logits.dims.at(-1) ?? 0)
    tokens.push(token)
    last = performance.now()
    if (tokens.length === 1) first = last
    if (token === stop) break
    input = [token]
  }
  return { tokens, decoding: last - first }
}

function argmaxOfLastRow(logits: Float32Array, vocabulary: number): number {
  const from = logits.length - vocabulary
  let best = from
  for (let i = from + 1; i < logits.length; i += 1) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i
  return best - from
}

async function answer(request: BareLoad | BareGenerate): Promise<unknown> {
  try {
    return { ok: true, value: request.type === 'load' ? await load(request.threads) : await generate(request) }
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
}

addEventListener('message', ({ data, ports }: MessageEvent<BareLoad | BareGenerate>) => {
  void answer(data).then((result) => ports[0]?.postMessage(result))
})
