import type { ManifestFile, ManifestModel, ModelManifest, ModelSource } from '../../src/contracts/models.ts'
import { ModelError } from '../../src/errors/model-error.ts'
import { isRecord } from '../../src/utils/json.ts'
import { download, type DownloadOptions } from './download.ts'

/** The manifest at a folder source; undefined where it has none. Throws ModelError (`model-corrupt`) where it is not one. */
export async function readManifest(
  source: ModelSource,
  options: Pick<DownloadOptions, 'fetch' | 'signal'> & { readonly page?: string | undefined },
): Promise<ModelManifest | undefined> {
  const base = new URL(source.base.endsWith('/') ? source.base : `${source.base}/`, options.page)
  const url = new URL('manifest.json', base).href
  const bytes = await download(url, 'manifest.json', options)
  if (bytes === undefined) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (isManifest(value)) return value
  } catch {
    // said below, with the address
  }
  throw new ModelError('model-corrupt', `${url} is not a model manifest of version 1. Mend or remove it.`, {
    details: { file: 'manifest.json', url },
  })
}

/**
 * The manifest's entry for a model. A manifest names the one revision its folder holds; `main` takes whatever that is.
 * Undefined where the manifest does not know the model.
 */
export function manifestEntry(manifest: ModelManifest, id: string, revision: string): ManifestModel | 'other-revision' | undefined {
  const entries = manifest.models.filter((model) => model.id === id)
  const entry = entries.find((model) => model.revision === revision || revision === 'main')
  return entry ?? (entries.length > 0 ? 'other-revision' : undefined)
}

/** Whether a value read from JSON is a model manifest. */
export function isManifest(value: unknown): value is ModelManifest {
  return isRecord(value) && value['version'] === 1 && Array.isArray(value['models']) && value['models'].every(isModel)
}

function isModel(value: unknown): value is ManifestModel {
  return (
    isRecord(value) &&
    typeof value['id'] === 'string' &&
    typeof value['revision'] === 'string' &&
    Array.isArray(value['files']) &&
    value['files'].every(isFile)
  )
}

function isFile(value: unknown): value is ManifestFile {
  return (
    isRecord(value) &&
    typeof value['path'] === 'string' &&
    typeof value['bytes'] === 'number' &&
    typeof value['sha256'] === 'string'
  )
}
