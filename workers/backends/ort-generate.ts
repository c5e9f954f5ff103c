import type { GenerateRequest, Prompt } from '../../src/contracts/engine.ts'
import type { Backend, LoadReport } from '../../src/contracts/models.ts'
import type { Part, Source } from '../../src/contracts/part.ts'
import type { CandidateScore } from '../../src/contracts/signals.ts'
import { isTransaxleError } from '../../src/errors/base.ts'
import { EngineError } from '../../src/errors/engine-error.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { isRecord } from '../../src/utils/json.ts'
import { openFileCache } from '../models/file-cache.ts'
import type { ModelFolder } from '../models/model-folder.ts'
import { createChatTemplate, type RenderPrompt } from './chat-template.ts'
import { generate, type Loop } from './generate-loop.ts'
import { type GpuChoice, findGpu, requestDevice } from './gpu.ts'
import { type DecoderConfig, readDecoderConfig } from './model-config.ts'
import type { InferenceSession } from './ort.ts'
import { cacheOnGpu, OrtDecoder } from './ort-decoder.ts'
import { PrefixCache } from './prefix-cache.ts'
import { scoreCandidates } from './score-candidates.ts'
import { selfCheck } from './self-check.ts'
import { type LoadContext, type Made, makeSession, openFolder } from './session.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

/** KV caches kept of earlier prompts, in tokens. At SmolLM2's size 2,048 tokens are 94 MB. */
const KEPT_TOKENS = 2048

/**
 * Prompt tokens run in one step. On WASM 64 are as fast as 269 at once, or faster, and make the blocks of the prefix cache. A GPU
 * wants large steps; its pieces only bound how long a cancel waits.
 */
const CHUNK: Readonly<Record<Backend, number>> = { wasm: 64, webgpu: 512 }

/** A loaded language model. */
export interface Generator {
  generate(request: GenerateRequest, emit: (part: Part) => void, id: string, signal: AbortSignal): Promise<void>
  score(prompt: Prompt, candidates: readonly string[], signal: AbortSignal): Promise<readonly CandidateScore[]>
  countTokens(prompt: Prompt): number
  release(): Promise<void>
}

interface Parts {
  readonly config: unknown
  readonly decoderConfig: DecoderConfig
  readonly tokenizer: Tokenizer
  readonly render: RenderPrompt
}

interface Taken {
  readonly made: Made
  readonly backend: Backend
  readonly reason: string
  /** Why the GPU is gone, once it is. */
  readonly lost: () => string | undefined
  readonly release: () => Promise<void>
}

/** Loads a language model on the backend that was asked for, or that fits. Throws typed errors. */
export async function loadGenerator(context: LoadContext): Promise<{ readonly generator: Generator; readonly report: LoadReport }> {
  const { environment, onProgress } = context
  const started = environment.now()
  const folder = await openFolder(context)
  const parts = await readParts(folder)
  const taken = await takeBackend(context, folder, parts)
  const { made, backend, reason } = taken
  const bytes = folder.bytesFromCache + folder.bytesFromNetwork
  onProgress({ model: folder.id, stage: 'ready', loaded: bytes, total: bytes })
  const report: LoadReport = {
    model: folder.id,
    revision: folder.revision,
    dtype: made.dtype,
    backend,
    reason,
    threads: made.threads,
    bytesFromNetwork: folder.bytesFromNetwork,
    bytesFromCache: folder.bytesFromCache,
    contextLength: parts.decoderConfig.contextLength,
    milliseconds: environment.now() - started,
  }
  return { generator: createGenerator(context, parts, taken, { where: 'device', model: `${folder.id} ${made.dtype}` }), report }
}

async function readParts(folder: ModelFolder): Promise<Parts> {
  const [config, generationConfig, tokenizerJson, tokenizerConfig] = await Promise.all([
    folder.json('config.json'),
    folder.optionalJson('generation_config.json'),
    folder.json('tokenizer.json'),
    folder.json('tokenizer_config.json'),
  ])
  if (!isRecord(tokenizerConfig)) {
    throw new ModelError('model-corrupt', 'tokenizer_config.json is not a JSON object.', {
      details: { file: 'tokenizer_config.json' },
    })
  }
  const template = tokenizerConfig['chat_template'] === undefined ? await folder.optionalText('chat_template.jinja') : undefined
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig)
  const end = tokenizerConfig['eos_token']
  const endText = isRecord(end) ? end['content'] : end
  return {
    config,
    decoderConfig: readDecoderConfig(config, generationConfig, typeof endText === 'string' ? tokenizer.id(endText) : undefined),
    tokenizer,
    render: createChatTemplate(tokenizerConfig, template),
  }
}

async function takeBackend(context: LoadContext, folder: ModelFolder, parts: Parts): Promise<Taken> {
  const { options, environment } = context
  if (options.backend === 'wasm') return onWasm(context, folder, parts, 'WASM was asked for')
  const gpu = await findGpu(environment.gpu)
  if (options.backend === 'webgpu') {
    if (!gpu.usable)
      throw new EngineError('engine-failed', `WebGPU was asked for and cannot be used: ${gpu.why}. Use backend 'auto' or 'wasm'.`)
    return onWebGpu(context, folder, parts, gpu, `WebGPU was asked for (${gpu.name})`)
  }
  if (!gpu.usable) return onWasm(context, folder, parts, `WASM, because ${gpu.why}`)
  if (gpu.software) return onWasm(context, folder, parts, `WASM, because the only WebGPU adapter (${gpu.name}) is a software one`)
  try {
    return await onWebGpu(context, folder, parts, gpu, `WebGPU on ${gpu.name}`)
  } catch (error) {
    if (context.signal.aborted || !isStepDown(error)) throw error
    return onWasm(context, folder, parts, `WASM, because WebGPU on ${gpu.name} failed: ${error.code}: ${error.message}`)
  }
}

/** Faults of the GPU, not of the files or the network: those WASM would meet as well. */
function isStepDown(error: unknown): error is EngineError | ModelError {
  return (
    isTransaxleError(error) &&
    ['self-check-failed', 'device-lost', 'out-of-memory', 'engine-failed', 'model-incompatible'].includes(error.code)
  )
}

async function onWasm(context: LoadContext, folder: ModelFolder, parts: Parts, why: string): Promise<Taken> {
  const made = await makeSession(context, folder, parts.config, 'wasm', { executionProviders: ['wasm'] })
  return {
    made,
    backend: 'wasm',
    reason: `${why}; ${dtypeReason(context, made)}.`,
    lost: () => undefined,
    release: () => made.session.release(),
  }
}

async function onWebGpu(
  context: LoadContext,
  folder: ModelFolder,
  parts: Parts,
  gpu: Extract<GpuChoice, { usable: true }>,
  why: string,
): Promise<Taken> {
  const { environment, signal, onProgress } = context
  const device = await requestDevice(gpu.adapter)
  let lost: string | undefined
  void whenLost(device).then((why) => (lost = why))
  let session: InferenceSession | undefined
  try {
    const made = await makeSession(context, folder, parts.config, 'webgpu', {
      executionProviders: [{ name: 'webgpu', device }],
      preferredOutputLocation: cacheOnGpu(parts.decoderConfig.layers),
    })
    session = made.session
    const bytes = folder.bytesFromCache + folder.bytesFromNetwork
    onProgress({ model: folder.id, stage: 'self-check', loaded: bytes, total: bytes })
    const cache = await openFileCache(environment.caches)
    const mark = `self-check ${[folder.id, folder.revision, made.dtype, gpu.name, ...device.features].join(' ')}`
    if ((await cache.read(mark)) === undefined) {
      const decoder = new OrtDecoder(made.ort, made.session, parts.decoderConfig)
      await selfCheck(decoder, parts.tokenizer, { breathe: environment.breathe, signal })
      await cache.write(mark, new Uint8Array())
    }
    const release = async (): Promise<void> => {
      await made.session.release()
      device.destroy()
    }
    return { made, backend: 'webgpu', reason: `${why}; ${dtypeReason(context, made)}.`, lost: () => lost, release }
  } catch (error) {
    await session?.release()
    device.destroy()
    throw error
  }
}

async function whenLost(device: GPUDevice): Promise<string> {
  const info = await device.lost
  return info.message || info.reason
}

function dtypeReason({ options }: LoadContext, made: Made): string {
  return options.model.dtype === undefined ? `${made.dtype} is what runs best there` : `${made.dtype} was asked for`
}

function createGenerator({ environment }: LoadContext, parts: Parts, taken: Taken, source: Source): Generator {
  const { tokenizer, render, decoderConfig } = parts
  const { made, lost } = taken
  const decoder = new OrtDecoder(made.ort, made.session, decoderConfig)
  const prefix = new PrefixCache(decoder, KEPT_TOKENS, taken.backend === 'wasm' ? CHUNK.wasm : undefined)
  const loop: Loop<Awaited<ReturnType<OrtDecoder['run']>>['cache']> = {
    decoder,
    tokenizer,
    stops: decoderConfig.stops,
    contextLength: decoderConfig.contextLength,
    source,
    breathe: environment.breathe,
    prefix,
    prefillChunk: CHUNK[taken.backend],
  }
  /** What fails after the device is gone fails because of that. */
  const naming = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      const why = lost()
      if (why === undefined) throw cause
      throw new EngineError('device-lost', `The GPU was lost (${why}). Load the model again.`, { retryable: true, cause })
    }
  }
  return {
    generate: (request, emit, id, signal) =>
      naming(async () => {
        const prompt = tokenizer.encode(render(request.prompt))
        emit({ type: 'start', source, id })
        await generate(loop, prompt, request, emit, signal)
      }),
    score: (prompt, candidates, signal) => naming(() => scoreCandidates(loop, render(prompt), candidates, signal)),
    countTokens: (prompt) => tokenizer.encode(render(prompt)).length,
    async release() {
      prefix.clear()
      await taken.release()
    },
  }
}
