import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import { build } from 'vite'

import type { Bench, Result } from '../contract.ts'

const ENTRY = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const ENGINES = /onnxruntime|web-llm|@huggingface\/(tokenizers|jinja|transformers)|\/workers\//
const NAME = 'core/entry-size'

interface Chunk {
  readonly fileName: string
  readonly code: string
  readonly isEntry: boolean
  readonly imports: readonly string[]
  readonly dynamicImports: readonly string[]
  readonly moduleIds: readonly string[]
}

/** What an app pays for naming the library: all exports of the core entry with their dependencies, minified, as its bundler would. */
export const entrySize: Bench = {
  name: NAME,
  unit: 'kB',
  summary: 'gzip kB of the core entry and all it imports statically, dependencies included; no engine may be in its graph',
  async run() {
    const chunks = await bundle()
    const entry = chunks.find(({ isEntry }) => isEntry)
    if (entry === undefined) throw new Error('The build of the core entry has no entry.')
    const eager = graph(entry, chunks, false)
    const all = graph(entry, chunks, true)
    const engines = all.flatMap(({ moduleIds }) => moduleIds).filter((id) => ENGINES.test(id))
    const lazy = all.filter((chunk) => !eager.includes(chunk))
    const size = (name: string, chunks: readonly Chunk[]): Pick<Result, 'name' | 'metric' | 'unit' | 'ours' | 'runs'> => ({
      name: NAME,
      metric: name,
      unit: 'kB',
      ours: chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).byteLength, 0) / 1000,
      runs: 1,
    })
    return [
      { ...size('loaded at once', eager), bar: { of: 'ours', atMost: 15 } },
      size('loaded when needed', lazy),
      {
        name: NAME,
        metric: 'engine modules in the graph',
        unit: 'modules',
        ours: engines.length,
        runs: 1,
        bar: { of: 'ours', atMost: 0 },
        note: engines.join(', ') || undefined,
      },
    ]
  },
}

async function bundle(): Promise<readonly Chunk[]> {
  const built = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2023',
      // A library build, since the preload helper that an app build puts around each dynamic import is Vite's and not ours.
      lib: { entry: ENTRY, formats: ['es'] },
      // Shared modules may join the entry, as they join an app's own entry chunk.
      rolldownOptions: { preserveEntrySignatures: 'allow-extension', output: { minify: true } },
    },
  })
  if (!Array.isArray(built)) throw new Error('The build of the core entry gave no output.')
  return built.flatMap(({ output }) => output.flatMap((file) => (file.type === 'chunk' ? [file] : [])))
}

function graph(entry: Chunk, chunks: readonly Chunk[], dynamic: boolean): readonly Chunk[] {
  const found = new Set([entry])
  for (const chunk of found) {
    const names = dynamic ? [...chunk.imports, ...chunk.dynamicImports] : chunk.imports
    for (const name of names) {
      const next = chunks.find(({ fileName }) => fileName === name)
      if (next === undefined) throw new Error(`The core entry imports ${name}, which is not in its build.`)
      found.add(next)
    }
  }
  return [...found]
}
