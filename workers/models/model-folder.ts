import type { LoadProgress, ManifestModel, ModelSource, ModelSpec } from '../../src/contracts/models.ts'
import { isTransaxleError, type TransaxleError } from '../../src/errors/base.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { UsageError } from '../../src/errors/usage-error.ts'
import { PromiseCache } from '../../src/utils/memoize.ts'
import { download } from './download.ts'
import type { FileCache } from './file-cache.ts'
import { manifestEntry, readManifest } from './manifest.ts'
import { fileUrl } from './source-files.ts'

export interface FolderOptions {
  readonly spec: ModelSpec
  /** Tried in order, for each file. */
  readonly sources: readonly ModelSource[]
  readonly fetch: typeof fetch
  readonly cache: FileCache
  /** What a relative source is relative to. */
  readonly page?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
}

/** Fewer reports than chunks: each crosses the worker border. */
const REPORT_EVERY = 1_048_576

/** The files of one model at one revision: from the cache, else from the first source that has them. */
export class ModelFolder {
  readonly id: string
  readonly revision: string
  bytesFromNetwork = 0
  bytesFromCache = 0
  readonly #options: FolderOptions
  readonly #files = new PromiseCache()
  readonly #manifests = new PromiseCache()
  readonly #progress = new Map<string, { loaded: number; total: number }>()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  #reported = 0

  constructor(options: FolderOptions) {
    const { id, revision = 'main' } = options.spec
    if (!/^[\w.-]+\/[\w.-]+$/.test(id) || id.includes('..')) {
      throw new UsageError('invalid-option', `A model is named org/name, as on the hub; ${JSON.stringify(id)} is not.`)
    }
    if (options.sources.length === 0) throw new UsageError('invalid-option', 'No source to load models from: give at least one.')
    this.id = id
    this.revision = revision
    this.#options = options
    this.#signal = options.signal === undefined ? this.#stop.signal : AbortSignal.any([options.signal, this.#stop.signal])
  }

  /** Bytes of a file. Throws ModelError (`model-not-found` naming every URL tried, `model-corrupt`), `network`, AbortError. */
  async bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const found = await this.#find(path, false)
    if (found.bytes !== undefined) return found.bytes
    throw found.error
  }

  /** Several files at once. The first failure stops the other downloads. */
  async all(paths: readonly string[]): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    try {
      return await Promise.all(paths.map((path) => this.bytes(path)))
    } catch (error) {
      this.#stop.abort()
      throw error
    }
  }

  async json(path: string): Promise<unknown> {
    return this.#parse(path, await this.bytes(path))
  }

  /** As `json`, but undefined where no source has the file. */
  async optionalJson(path: string): Promise<unknown> {
    const text = await this.optionalText(path)
    return text === undefined ? undefined : this.#parse(path, new TextEncoder().encode(text))
  }

  async optionalText(path: string): Promise<string | undefined> {
    const { bytes, error } = await this.#find(path, true)
    if (bytes !== undefined) return new TextDecoder().decode(bytes)
    if (error.code === 'model-not-found') return undefined
    throw error
  }

  /** Forgets kept files, so that the next load fetches them anew. */
  async evict(paths: readonly string[]): Promise<void> {
    const { sources, cache } = this.#options
    await Promise.all(paths.flatMap((path) => sources.map((source) => cache.delete(this.#key(source, path)))))
  }

  async #parse(path: string, bytes: Uint8Array): Promise<unknown> {
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as unknown
    } catch (cause) {
      await this.evict([path])
      throw new ModelError('model-corrupt', `The file ${path} of ${this.id} is not JSON.`, {
        retryable: true,
        details: { file: path },
        cause,
      })
    }
  }

  #find(path: string, optional: boolean): Promise<Found> {
    return this.#files.get(path, async () => {
      const kept = await this.#fromCache(path, optional)
      return kept ?? this.#fromSources(path, optional)
    })
  }

  async #fromCache(path: string, optional: boolean): Promise<Found | undefined> {
    const { sources, cache } = this.#options
    for (const source of sources) {
      const bytes = await cache.read(this.#key(source, path))
      if (bytes !== undefined) {
        this.bytesFromCache += bytes.byteLength
        this.#report(path, bytes.byteLength, bytes.byteLength, true)
        return { bytes }
      }
    }
    if (optional && (await cache.read(this.#absentKey(path))) !== undefined) return { error: this.#notFound(path, []) }
    return undefined
  }

  async #fromSources(path: string, optional: boolean): Promise<Found> {
    const { sources, cache, page } = this.#options
    const tried: string[] = []
    let unreachable: TransaxleError | undefined
    for (const source of sources) {
      const url = fileUrl(source, this.id, this.revision, path, page)
      try {
        const bytes = await this.#fromSource(source, path, url, tried)
        if (bytes !== undefined) {
          this.bytesFromNetwork += bytes.byteLength
          this.#report(path, bytes.byteLength, bytes.byteLength, true)
          await cache.write(this.#key(source, path), bytes)
          return { bytes }
        }
      } catch (error) {
        if (!isTransaxleError(error) || error.code !== 'network') throw error
        tried.push(url)
        unreachable = error
      }
    }
    if (unreachable !== undefined) throw unreachable
    if (optional) await cache.write(this.#absentKey(path), new Uint8Array())
    return { error: this.#notFound(path, tried) }
  }

  async #fromSource(source: ModelSource, path: string, url: string, tried: string[]): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { fetch } = this.#options
    const entry = await this.#manifest(source)
    if (entry === 'other-revision') {
      tried.push(`${url} (its manifest has another revision than ${this.revision})`)
      return undefined
    }
    const expected = entry?.files.find((file) => file.path === path)
    tried.push(url)
    if (entry !== undefined && expected === undefined) return undefined
    return download(url, path, {
      fetch,
      signal: this.#signal,
      expected,
      onBytes: (loaded, total) => this.#report(path, loaded, total ?? loaded, false),
    })
  }

  #manifest(source: ModelSource): Promise<ManifestModel | 'other-revision' | undefined> {
    if (source.layout === 'hub') return Promise.resolve(undefined)
    const { fetch, page } = this.#options
    return this.#manifests.get(source.base, async () => {
      const manifest = await readManifest(source, { fetch, page, signal: this.#signal })
      return manifest === undefined ? undefined : manifestEntry(manifest, this.id, this.revision)
    })
  }

  #notFound(path: string, tried: readonly string[]): ModelError {
    return new ModelError(
      'model-not-found',
      `No source has the file ${path} of ${this.id} (${this.revision}). Tried: ${tried.join(', ')}.`,
      {
        details: { file: path, tried: tried.join(' ') },
      },
    )
  }

  #key(source: ModelSource, path: string): string {
    return fileUrl(source, this.id, this.revision, path, this.#options.page) + (source.layout === 'hub' ? '' : `@${this.revision}`)
  }

  #absentKey(path: string): string {
    return `absent ${this.#options.sources.map((source) => this.#key(source, path)).join(' ')}`
  }

  #report(file: string, loaded: number, total: number, force: boolean): void {
    const { onProgress } = this.#options
    this.#progress.set(file, { loaded, total })
    const sum = { loaded: 0, total: 0 }
    for (const each of this.#progress.values()) {
      sum.loaded += each.loaded
      sum.total += each.total
    }
    if (!force && sum.loaded - this.#reported < REPORT_EVERY) return
    this.#reported = sum.loaded
    onProgress?.({ model: this.id, stage: 'download', file, ...sum })
  }
}

type Found =
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly error?: never }
  | { readonly bytes?: undefined; readonly error: ModelError }
