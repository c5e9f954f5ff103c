/** Weight formats, named as hub users name them: the suffix of the ONNX file follows from it. */
export type Dtype = 'fp32' | 'fp16' | 'q8' | 'q4' | 'q4f16' | 'int8' | 'uint8' | 'bnb4'

export type Backend = 'wasm' | 'webgpu'

/** A model as it is named on the hub. A bare string `org/name` means revision `main` and the backend's own dtype. */
export interface ModelSpec {
  /** `org/name` */
  readonly id: string
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string | undefined
  /** Default: follows the backend, `q4` on WebGPU and `q8` on WASM. */
  readonly dtype?: Dtype | undefined
}

/**
 * A place that models can be fetched from, tried in order.
 * `folder`: `{base}/{org}/{name}/{file}`, the app's own host, with an optional `{base}/manifest.json`.
 * `hub`: `{base}/{org}/{name}/resolve/{revision}/{file}`, redirects followed.
 */
export interface ModelSource {
  readonly base: string
  readonly layout: 'folder' | 'hub'
}

/** One file of the manifest: what it must be, to the byte. */
export interface ManifestFile {
  readonly path: string
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

export interface ManifestModel {
  readonly id: string
  readonly revision: string
  readonly license: string
  readonly source: string
  readonly files: readonly ManifestFile[]
}

export interface ModelManifest {
  readonly version: 1
  readonly models: readonly ManifestModel[]
}

/** Progress of one load. `loaded` and `total` are bytes over all files of the model; `total` grows until all sizes are known. */
export interface LoadProgress {
  readonly model: string
  readonly stage: 'download' | 'session' | 'self-check' | 'ready'
  readonly file?: string | undefined
  readonly loaded: number
  readonly total: number
}

/** What a load ended with, and why. Kept in the store as the model's load record. */
export interface LoadReport {
  readonly model: string
  readonly revision: string
  readonly dtype: Dtype
  readonly backend: Backend
  /** A sentence: why this backend and dtype. */
  readonly reason: string
  /** WASM threads; 1 without cross-origin isolation. */
  readonly threads: number
  readonly bytesFromNetwork: number
  readonly bytesFromCache: number
  readonly contextLength: number
  readonly milliseconds: number
}
