import { PbfReader } from 'pbf'

/** One initializer of an ONNX graph: its bytes are in the file, or in another file at an offset. */
export interface Initializer {
  readonly name: string
  readonly dims: readonly number[]
  readonly raw: Uint8Array | undefined
  readonly external: { readonly location: string; readonly offset: number; readonly length: number } | undefined
}

/** Field numbers of onnx.proto (ModelProto, GraphProto, TensorProto, StringStringEntryProto). */
const GRAPH = 7
const INITIALIZER = 5
const TENSOR = { dims: 1, name: 8, raw: 9, external: 13 } as const
const ENTRY = { key: 1, value: 2 } as const
const LENGTH_DELIMITED = 2

/** The initializers of an ONNX file, by name. Bytes are views into `file`. */
export function readInitializers(file: Uint8Array): ReadonlyMap<string, Initializer> {
  const found = new Map<string, Initializer>()
  new PbfReader(file).readFields((field, _model, pbf) => {
    if (field !== GRAPH) return
    pbf.readMessage((inner) => {
      if (inner !== INITIALIZER) return
      const tensor = readTensor(pbf)
      found.set(tensor.name, tensor)
    }, undefined)
  }, undefined)
  return found
}

function readTensor(pbf: PbfReader): Initializer {
  const tensor = { name: '', dims: [] as number[], raw: undefined as Uint8Array | undefined, entries: new Map<string, string>() }
  pbf.readMessage((field) => {
    if (field === TENSOR.name) tensor.name = pbf.readString()
    else if (field === TENSOR.raw) tensor.raw = pbf.readBytes()
    else if (field === TENSOR.external) readEntry(pbf, tensor.entries)
    else if (field === TENSOR.dims) {
      if (pbf.type === LENGTH_DELIMITED) pbf.readPackedVarint(tensor.dims)
      else tensor.dims.push(pbf.readVarint())
    }
  }, undefined)
  const { name, dims, raw, entries } = tensor
  const location = entries.get('location')
  const external =
    location === undefined ? undefined : { location, offset: Number(entries.get('offset')), length: Number(entries.get('length')) }
  return { name, dims, raw, external }
}

function readEntry(pbf: PbfReader, entries: Map<string, string>): void {
  let key = ''
  let value = ''
  pbf.readMessage((field) => {
    if (field === ENTRY.key) key = pbf.readString()
    else if (field === ENTRY.value) value = pbf.readString()
  }, undefined)
  entries.set(key, value)
}
