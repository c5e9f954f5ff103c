import type { Initializer } from './onnx-file.ts'

const BLOCK = 32

/**
 * Bytes that the fp16 rounding of the q4 file's offsets lost, as [tensor, byte offset, bytes in hex].
 *
 * A Q4_1 block of the source is `d * q + m`. The q4 file stores `d` exactly and `m + 8 d` rounded to fp16, and for two
 * of the linear layers `m` does not come back exactly enough: one scale of each differs in its last bits, and one weight by one.
 * These are the differences between what is computed here and what `convert.py` made from the source itself.
 */
export const LOST_BYTES: readonly (readonly [tensor: string, offset: number, hex: string])[] = [
  ['layers.1.down.i8', 240_868, '08'],
  ['layers.1.down.scale', 400, '4522'],
  ['layers.15.gate.scale', 1312, '8140'],
]

/** An external data file: how long it is, and the tensors in it. */
export interface DataFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * The external data of the int8 graph, from the q4 graph's own weights: dequantised, then rounded to int8 with one scale per
 * output (the largest magnitude over 127), in float32 and in numpy's order of operations, so that the result is equal to what
 * `convert.py` writes. Throws where a tensor the int8 graph wants is not in the q4 file.
 */
export function int8DataFiles(int8: ReadonlyMap<string, Initializer>, q4: ReadonlyMap<string, Initializer>): readonly DataFile[] {
  const made = new Map<string, Uint8Array>()
  const files = new Map<string, Uint8Array>()
  for (const [location, length] of fileLengths(int8)) files.set(location, new Uint8Array(length))
  for (const tensor of int8.values()) {
    if (tensor.external === undefined) continue
    const { location, offset, length } = tensor.external
    const bytes = contents(tensor, q4, made)
    if (bytes.byteLength !== length) throw new Error(`${tensor.name} has ${bytes.byteLength} bytes instead of ${length}.`)
    files.get(location)?.set(bytes, offset)
  }
  return [...files].map(([name, bytes]) => ({ name, bytes }))
}

function fileLengths(tensors: ReadonlyMap<string, Initializer>): ReadonlyMap<string, number> {
  const lengths = new Map<string, number>()
  for (const { external } of tensors.values()) {
    if (external !== undefined)
      lengths.set(external.location, Math.max(lengths.get(external.location) ?? 0, external.offset + external.length))
  }
  return lengths
}

function contents(tensor: Initializer, q4: ReadonlyMap<string, Initializer>, made: Map<string, Uint8Array>): Uint8Array {
  const [, layer = '', kind = ''] = /^(.*)\.(i8|scale)$/.exec(tensor.name) ?? []
  if (kind === '') return raw(q4, tensor.name)
  if (!made.has(tensor.name)) {
    const { weights, scales } = layer === 'embed' ? embedding(q4) : linear(q4, layer)
    made.set(`${layer}.i8`, patched(`${layer}.i8`, new Uint8Array(weights.buffer)))
    made.set(`${layer}.scale`, patched(`${layer}.scale`, new Uint8Array(scales.buffer)))
  }
  const bytes = made.get(tensor.name)
  made.delete(tensor.name)
  if (bytes === undefined) throw new Error(`Nothing makes ${tensor.name}.`)
  return bytes
}

function patched(name: string, bytes: Uint8Array): Uint8Array {
  for (const [tensor, offset, hex] of LOST_BYTES) if (tensor === name) bytes.set(Buffer.from(hex, 'hex'), offset)
  return bytes
}

interface Int8Matrix {
  /** [inputs, outputs] */
  readonly weights: Int8Array
  /** [outputs] */
  readonly scales: Float32Array
}

/** A linear layer: w = d * q + m, q in 0..15, one d and m for 32 inputs of one output. */
function linear(q4: ReadonlyMap<string, Initializer>, layer: string): Int8Matrix {
  const packed = raw(q4, `${layer}.q4`)
  const d = halves(raw(q4, `${layer}.d_f16`))
  const offset = halves(raw(q4, `${layer}.offset_f16`))
  const blocks = q4.get(`${layer}.offset_f16`)?.dims[0] ?? 0
  const outputs = d.length / blocks
  const row = new Float32Array(blocks * BLOCK)
  return quantise(outputs, row, (n) => {
    for (let b = 0; b < blocks; b += 1) {
      const at = n * blocks + b
      const step = d[at] ?? 0
      const least = Math.fround((offset[b * outputs + n] ?? 0) - 8 * step)
      for (let i = 0; i < BLOCK; i += 2) {
        const pair = packed[(at * BLOCK + i) / 2] ?? 0
        row[b * BLOCK + i] = Math.fround(Math.fround((pair & 15) * step) + least)
        row[b * BLOCK + i + 1] = Math.fround(Math.fround((pair >> 4) * step) + least)
      }
    }
  })
}

/** The embedding: w = d * (q - 128), 8 bits, one d for 32 columns of one token. */
function embedding(q4: ReadonlyMap<string, Initializer>): Int8Matrix {
  const bytes = raw(q4, 'embed.q8')
  const d = halves(raw(q4, 'embed.d_f16'))
  const [tokens = 0, blocks = 0] = q4.get('embed.q8')?.dims ?? []
  const row = new Float32Array(blocks * BLOCK)
  return quantise(tokens, row, (n) => {
    const from = n * row.length
    for (let i = 0; i < row.length; i += 1)
      row[i] = Math.fround(((bytes[from + i] ?? 0) - 128) * (d[n * blocks + Math.floor(i / BLOCK)] ?? 0))
  })
}

/** One output row at a time: `fill` writes its float weights into `row`. */
function quantise(outputs: number, row: Float32Array, fill: (output: number) => void): Int8Matrix {
  const weights = new Int8Array(row.length * outputs)
  const scales = new Float32Array(outputs)
  for (let n = 0; n < outputs; n += 1) {
    fill(n)
    let most = 0
    for (const value of row) most = Math.max(most, Math.abs(value))
    const scale = Math.fround(most / 127)
    scales[n] = scale
    for (let k = 0; k < row.length; k += 1) weights[k * outputs + n] = roundHalfEven(Math.fround((row[k] ?? 0) / scale))
  }
  return { weights, scales }
}

function roundHalfEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function raw(tensors: ReadonlyMap<string, Initializer>, name: string): Uint8Array {
  const bytes = tensors.get(name)?.raw
  if (bytes === undefined) throw new Error(`The q4 file has no tensor ${name}.`)
  return bytes
}

/** Little-endian IEEE 754 binary16 to float32, which is exact. */
function halves(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => {
    const bits = view.getUint16(2 * i, true)
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
  })
}
