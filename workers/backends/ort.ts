import type { Env, InferenceSession, OnnxValue, Tensor, TensorConstructor } from 'onnxruntime-web'

import type { Backend } from '../../src/contracts/models.ts'
import { TransaxleError } from '../../src/errors/base.ts'
import { EngineError } from '../../src/errors/engine-error.ts'
import { ModelError } from '../../src/errors/model-error.ts'

export type { InferenceSession, OnnxValue, Tensor }

/** What is used of onnxruntime-web. */
export interface Ort {
  readonly env: Env
  readonly Tensor: TensorConstructor
  readonly InferenceSession: { create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> }
}

export interface OrtOptions {
  readonly threads: number
  /**
   * Where the runtime's own files lie, as a URL prefix that ends in a slash. Not needed where the app's bundler handles
   * `new URL(file, import.meta.url)` (Vite, webpack, Rollup's asset plugin, Parcel): it then finds them in the package.
   */
  readonly assets?: string | undefined
  /** The WASM file itself, where it cannot be fetched (Node). */
  readonly wasmBinary?: Uint8Array | undefined
}

/** Most threads by default: small models lose more to waiting for each other beyond that than they win. */
const MOST_THREADS = 4

/** WASM threads: what was asked for, or what the machine has; 1 where memory cannot be shared. */
export function threadCount(asked: number | undefined, isolated: boolean, cores: number): number {
  if (!isolated) return 1
  return Math.max(1, Math.floor(asked ?? Math.min(cores, MOST_THREADS)))
}

/**
 * The build of onnxruntime-web for a backend, fetched only when it is needed: `/wasm` is the fastest on the CPU,
 * `/webgpu` the one whose WebGPU kernels run 8-bit `MatMulNBits`.
 */
export async function loadOrt(backend: Backend, options: OrtOptions): Promise<Ort> {
  const ort: Ort = backend === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ort.env.wasm.numThreads = options.threads
  ort.env.logLevel = 'error'
  if (options.assets !== undefined) ort.env.wasm.wasmPaths = options.assets
  if (options.wasmBinary !== undefined) ort.env.wasm.wasmBinary = options.wasmBinary
  return ort
}

/** A typed error for what onnxruntime-web threw while running. */
export function runError(cause: unknown): TransaxleError {
  if (cause instanceof TransaxleError) return cause
  if (isOutOfMemory(cause)) {
    return new EngineError(
      'out-of-memory',
      'The device has too little memory for this. Use a shorter prompt, a smaller model or a smaller dtype.',
      { cause },
    )
  }
  if (/device.*(lost|destroyed)/i.test(textOf(cause))) {
    return new EngineError('device-lost', 'The GPU was lost while the model ran. Load the model again.', { retryable: true, cause })
  }
  return new EngineError('engine-failed', 'The model failed while it ran.', { retryable: true, cause })
}

/** A typed error for what onnxruntime-web threw while a session was made. */
export function sessionError(cause: unknown, model: string, file: string): TransaxleError {
  if (isOutOfMemory(cause)) return runError(cause)
  if (/protobuf|external data|deserialize|checkpoint/i.test(textOf(cause))) {
    return new ModelError(
      'model-corrupt',
      `The file ${file} of ${model} cannot be read as a model. Loading again fetches it anew.`,
      {
        retryable: true,
        details: { file },
        cause,
      },
    )
  }
  return new ModelError(
    'model-incompatible',
    `onnxruntime-web cannot run ${file} of ${model}: an operator or type in it is not supported here.`,
    {
      details: { file },
      cause,
    },
  )
}

function isOutOfMemory(cause: unknown): boolean {
  return cause instanceof RangeError || /bad_alloc|out of memory|allocation failed|memory access out of bounds/i.test(textOf(cause))
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
