import { ModelError } from '../../src/errors/model-error.ts'
import { isRecord } from '../../src/utils/json.ts'

/** What of a decoder model's `config.json` and its neighbours is needed to run it. */
export interface DecoderConfig {
  readonly layers: number
  readonly kvHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly contextLength: number
  /** Ids that end the model's turn. */
  readonly stops: ReadonlySet<number>
}

/** Reads a decoder's configuration. Throws ModelError (`model-incompatible`) naming what is missing. */
export function readDecoderConfig(config: unknown, generationConfig: unknown, endToken: number | undefined): DecoderConfig {
  const record = isRecord(config) ? config : {}
  const heads = positive(record, 'num_attention_heads')
  const generation = isRecord(generationConfig) ? generationConfig : {}
  return {
    layers: positive(record, 'num_hidden_layers'),
    kvHeads: record['num_key_value_heads'] === undefined ? heads : positive(record, 'num_key_value_heads'),
    headSize:
      record['head_dim'] === undefined || record['head_dim'] === null
        ? positive(record, 'hidden_size') / heads
        : positive(record, 'head_dim'),
    vocabulary: positive(record, 'vocab_size'),
    contextLength: positive(record, 'max_position_embeddings'),
    stops: new Set([...ids(generation['eos_token_id'] ?? record['eos_token_id']), ...ids(endToken)]),
  }
}

function positive(config: Record<string, unknown>, name: string): number {
  const value = config[name]
  if (typeof value === 'number' && value > 0) return value
  throw new ModelError(
    'model-incompatible',
    `config.json of this model has no ${name}: it is not a decoder this library can run.`,
    {
      details: { file: 'config.json', field: name },
    },
  )
}

function ids(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).filter((id: unknown): id is number => typeof id === 'number')
}
