import type { LoadReport } from '../../src/contracts/models.ts'
import { EngineError } from '../../src/errors/engine-error.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { throwIfAborted } from '../../src/utils/deadline.ts'
import { isRecord } from '../../src/utils/json.ts'
import { type InferenceSession, type OnnxValue, type Ort, runError } from './ort.ts'
import { type LoadContext, makeSession, openFolder } from './session.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

/** Word pieces, special ones included, at which sentence-transformers cuts this family's texts. */
const MOST_TOKENS = 256

/** A loaded sentence encoder. */
export interface Embedder {
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]>
  release(): Promise<void>
}

/** Loads a sentence encoder. It runs on WASM: such graphs are small and int8, and the GPU is the generator's. */
export async function loadEmbedder(context: LoadContext): Promise<{ readonly embedder: Embedder; readonly report: LoadReport }> {
  const { options, environment, onProgress } = context
  const started = environment.now()
  if (options.backend === 'webgpu') {
    throw new EngineError('engine-failed', "Sentence encoders run on WASM here: use backend 'auto' or 'wasm'.")
  }
  const folder = await openFolder(context)
  const [config, tokenizerJson, tokenizerConfig] = await Promise.all([
    folder.json('config.json'),
    folder.json('tokenizer.json'),
    folder.json('tokenizer_config.json'),
  ])
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig)
  const positions = isRecord(config) ? Number(config['max_position_embeddings'] ?? MOST_TOKENS) : MOST_TOKENS
  const contextLength = Math.min(MOST_TOKENS, positions)
  const { ort, session, dtype, threads } = await makeSession(context, folder, config, 'wasm', { executionProviders: ['wasm'] })
  const bytes = folder.bytesFromCache + folder.bytesFromNetwork
  onProgress({ model: folder.id, stage: 'ready', loaded: bytes, total: bytes })
  const report: LoadReport = {
    model: folder.id,
    revision: folder.revision,
    dtype,
    backend: 'wasm',
    reason: 'WASM, where sentence encoders run.',
    threads,
    bytesFromNetwork: folder.bytesFromNetwork,
    bytesFromCache: folder.bytesFromCache,
    contextLength,
    milliseconds: environment.now() - started,
  }
  return { embedder: createEmbedder(ort, session, tokenizer, contextLength, environment.breathe), report }
}

/**
 * Texts are run one by one, never padded: activations of these graphs are quantised per tensor, so what else is in a batch
 * would change a text's vector, and on one machine a batch of texts is no faster than the texts alone.
 */
function createEmbedder(
  ort: Ort,
  session: InferenceSession,
  tokenizer: Tokenizer,
  mostTokens: number,
  breathe: () => Promise<void>,
): Embedder {
  return {
    async embed(texts, signal) {
      const vectors: Float32Array[] = []
      for (const text of texts) {
        throwIfAborted(signal)
        vectors.push(await run(truncate(tokenizer.encode(text, true), mostTokens)))
        await breathe()
      }
      return vectors
    },
    release: () => session.release(),
  }

  async function run(ids: readonly number[]): Promise<Float32Array> {
    const int64 = (value: (i: number) => number): OnnxValue =>
      new ort.Tensor(
        'int64',
        BigInt64Array.from(ids, (_, i) => BigInt(value(i))),
        [1, ids.length],
      )
    const all: Record<string, () => OnnxValue> = {
      input_ids: () => int64((i) => ids[i] ?? 0),
      attention_mask: () => int64(() => 1),
      token_type_ids: () => int64(() => 0),
    }
    const feeds = Object.fromEntries(session.inputNames.map((name) => [name, (all[name] ?? unknownInput(name))()]))
    const results = await session.run(feeds).catch((error: unknown) => {
      throw runError(error)
    })
    const hidden = results['last_hidden_state'] ?? results[session.outputNames[0] ?? '']
    if (!(hidden?.data instanceof Float32Array)) {
      throw new ModelError('model-incompatible', 'This encoder gives no float32 last_hidden_state.')
    }
    return meanPool(hidden.data, ids.length)
  }
}

function unknownInput(name: string): () => never {
  return () => {
    throw new ModelError('model-incompatible', `This encoder wants an input this library does not know: ${name}.`, {
      details: { input: name },
    })
  }
}

/** Cuts in the middle of the text, never the special token that ends it. */
export function truncate(ids: readonly number[], most: number): readonly number[] {
  return ids.length <= most ? ids : [...ids.slice(0, most - 1), ...ids.slice(-1)]
}

/** Mean over all positions of [positions, size], scaled to unit length. */
export function meanPool(hidden: Float32Array, positions: number): Float32Array {
  const size = hidden.length / positions
  const mean = new Float64Array(size)
  for (let i = 0; i < hidden.length; i += 1) {
    const at = i % size
    mean[at] = (mean[at] ?? 0) + (hidden[i] ?? 0)
  }
  const norm = Math.hypot(...mean)
  return Float32Array.from(mean, (value) => (norm === 0 ? 0 : value / norm))
}
