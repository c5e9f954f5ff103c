import type { Decoder, KvCache, Step } from './decoder.ts'
import { type InferenceSession, type OnnxValue, type Ort, runError, type Tensor } from './ort.ts'

export interface DecoderShape {
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
}

interface OrtCache extends KvCache {
  readonly tensors: Readonly<Record<string, Tensor>>
}

const PAST = 'past_key_values.'
const PRESENT = 'present.'

/**
 * A decoder-only ONNX graph with a KV cache, in the form that the hub's exports have. Feeds what the graph lists:
 * `position_ids` and `num_logits_to_keep` only where it has them. On WebGPU the cache stays on the GPU, if the session was
 * made with `cacheOnGpu`'s output locations.
 */
export class OrtDecoder implements Decoder<OrtCache> {
  readonly vocabulary: number
  readonly #ort: Ort
  readonly #session: InferenceSession
  readonly #empty: OrtCache
  readonly #presents: readonly { readonly past: string; readonly present: string }[]
  readonly #takesPositions: boolean
  readonly #takesKeep: boolean

  constructor(ort: Ort, session: InferenceSession, shape: DecoderShape) {
    this.#ort = ort
    this.#session = session
    this.vocabulary = shape.vocabulary
    this.#takesPositions = session.inputNames.includes('position_ids')
    this.#takesKeep = session.inputNames.includes('num_logits_to_keep')
    this.#presents = session.inputNames
      .filter((name) => name.startsWith(PAST))
      .map((past) => ({ past, present: past.replace(PAST, PRESENT) }))
    const dims = [1, shape.kvHeads, 0, shape.headSize]
    const half = isHalf(session, this.#presents[0]?.past)
    const none = (): Tensor =>
      half ? new ort.Tensor('float16', new Uint16Array(0), dims) : new ort.Tensor('float32', new Float32Array(0), dims)
    const tensors = Object.fromEntries(this.#presents.map(({ past }) => [past, none()]))
    this.#empty = { length: 0, tensors, dispose: () => undefined }
  }

  async run(tokens: readonly number[], past: OrtCache = this.#empty, keep = 1): Promise<Step<OrtCache>> {
    const length = past.length + tokens.length
    const feeds: Record<string, OnnxValue> = {
      ...past.tensors,
      input_ids: this.#int64(BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      attention_mask: this.#int64(new BigInt64Array(length).fill(1n), [1, length]),
    }
    if (this.#takesPositions) {
      feeds['position_ids'] = this.#int64(
        BigInt64Array.from(tokens, (_, i) => BigInt(past.length + i)),
        [1, tokens.length],
      )
    }
    if (this.#takesKeep) feeds['num_logits_to_keep'] = this.#int64(BigInt64Array.of(BigInt(keep)), [])
    let results: InferenceSession.OnnxValueMapType
    try {
      results = await this.#session.run(feeds)
    } catch (error) {
      throw runError(error)
    }
    return { logits: this.#lastRows(results, keep), cache: this.#cache(results, length) }
  }

  truncate(cache: OrtCache, length: number): OrtCache | undefined {
    const tensors: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(cache.tensors)) {
      if (tensor.location !== 'cpu' || !(tensor.data instanceof Float32Array)) return undefined
      const [batch = 1, heads = 1, , size = 1] = tensor.dims
      const rows = new Float32Array(batch * heads * length * size)
      for (let head = 0; head < batch * heads; head += 1) {
        const from = head * cache.length * size
        rows.set(tensor.data.subarray(from, from + length * size), head * length * size)
      }
      tensors[name] = new this.#ort.Tensor('float32', rows, [batch, heads, length, size])
    }
    return cacheOf(tensors, length)
  }

  #cache(results: InferenceSession.OnnxValueMapType, length: number): OrtCache {
    const tensors: Record<string, Tensor> = {}
    for (const { past, present } of this.#presents) {
      const tensor = results[present]
      if (tensor !== undefined) tensors[past] = tensor
    }
    return cacheOf(tensors, length)
  }

  #lastRows(results: InferenceSession.OnnxValueMapType, keep: number): Float32Array {
    const logits = results['logits']
    if (logits === undefined) throw runError(new Error('The graph gave no logits.'))
    const data = toFloat32(logits)
    return data.length === keep * this.vocabulary ? data : data.slice(-keep * this.vocabulary)
  }

  #int64(data: BigInt64Array, dims: readonly number[]): Tensor {
    return new this.#ort.Tensor('int64', data, dims)
  }
}

function cacheOf(tensors: Readonly<Record<string, Tensor>>, length: number): OrtCache {
  return {
    length,
    tensors,
    dispose: () => {
      for (const tensor of Object.values(tensors)) tensor.dispose()
    },
  }
}

/** Output locations that keep the KV cache on the GPU; logits come back to the CPU. */
export function cacheOnGpu(layers: number): Record<string, 'gpu-buffer'> {
  const names = Array.from({ length: layers }, (_, i) => [`${PRESENT}${i}.key`, `${PRESENT}${i}.value`]).flat()
  return Object.fromEntries(names.map((name) => [name, 'gpu-buffer' as const]))
}

function isHalf(session: InferenceSession, input: string | undefined): boolean {
  return session.inputMetadata.some((meta) => meta.name === input && meta.isTensor && meta.type === 'float16')
}

function toFloat32(tensor: Tensor): Float32Array {
  const { data } = tensor
  if (data instanceof Float32Array) return data
  if (data instanceof Uint16Array) return Float32Array.from(data, halfToFloat)
  return Float32Array.from(data, Number)
}

/** IEEE 754 binary16 bits to a number, for engines without Float16Array. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}
