import type { Dtype, ModelSource } from '../../src/contracts/models.ts'
import { isRecord } from '../../src/utils/json.ts'

/** Dtype to the ending of the ONNX file's name, as the hub's users and transformers.js name them. */
const SUFFIX: Readonly<Record<Dtype, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
  int8: '_int8',
  uint8: '_uint8',
  bnb4: '_bnb4',
}

/** Path of the model's graph within its folder. */
export function graphFile(dtype: Dtype): string {
  return `onnx/model${SUFFIX[dtype]}.onnx`
}

/**
 * Paths of the graph's external data files, from `transformers.js_config.use_external_data_format` in `config.json`:
 * `true` or a number for every graph, or an object by file name (`model_q4.onnx`) or base name (`model`).
 */
export function externalDataFiles(config: unknown, graph: string): readonly string[] {
  const settings = isRecord(config) ? config['transformers.js_config'] : undefined
  const format = isRecord(settings) ? settings['use_external_data_format'] : undefined
  const name = graph.slice(graph.lastIndexOf('/') + 1)
  const count = Number((isRecord(format) ? (format[name] ?? format['model']) : format) ?? 0)
  return Array.from({ length: Number.isInteger(count) ? count : 0 }, (_, i) => `${graph}_data${i === 0 ? '' : `_${i}`}`)
}

/** Where a file of a model lies at a source. `page` resolves a relative base. */
export function fileUrl(source: ModelSource, id: string, revision: string, file: string, page: string | undefined): string {
  const base = new URL(source.base.endsWith('/') ? source.base : `${source.base}/`, page)
  return new URL(source.layout === 'hub' ? `${id}/resolve/${encodeURIComponent(revision)}/${file}` : `${id}/${file}`, base).href
}
