/** What a backend needs from where it runs; handed in, so that it runs in a worker, a page or a test alike. */
export interface Environment {
  readonly fetch: typeof fetch
  readonly caches: CacheStorage | undefined
  /** What a relative source is relative to. */
  readonly page: string | undefined
  readonly gpu: GPU | undefined
  readonly isolated: boolean
  readonly cores: number
  readonly now: () => number
  /** Lets waiting messages in. */
  readonly breathe: () => Promise<void>
  /** URL prefix of onnxruntime-web's files, where the bundler does not find them by itself. */
  readonly ortAssets?: string | undefined
  readonly wasmBinary?: Uint8Array | undefined
}
