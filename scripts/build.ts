/** `npm run build`: the library (dist/), its declarations, the gateway (server/dist/) and the demo (dist-demo/). */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'

import { build, type InlineConfig } from 'vite'

import { ensureModels } from './models.ts'

const targets = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
if (process.argv.includes('--help')) {
  console.log('npm run build [-- library|gateway|demo …]\n\nWithout names, all three.')
  process.exit(0)
}
const wanted = (name: string): boolean => targets.length === 0 || targets.includes(name)

const external = (id: string): boolean => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('\0')

/** One ES module per entry; dependencies stay imports, so that an app has one copy of each. */
const bundle = (outDir: string, entry: Readonly<Record<string, string>>): InlineConfig => ({
  configFile: false,
  publicDir: false,
  build: {
    outDir,
    emptyOutDir: false,
    target: 'es2023',
    minify: false,
    sourcemap: true,
    lib: { entry, formats: ['es'] },
    rolldownOptions: { external, output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' } },
  },
})

/** The core entry as an app's bundler would ship it: minified, dependencies in. `core-*` load at once, `lazy-*` when needed. */
const measured: InlineConfig = {
  configFile: false,
  publicDir: false,
  build: {
    outDir: '.tmp/size',
    target: 'es2023',
    lib: { entry: 'src/index.ts', formats: ['es'] },
    rolldownOptions: {
      output: {
        minify: true,
        // What the entry shares with the lazy parts is one file, not ten.
        codeSplitting: {
          groups: [{ name: 'shared', test: /src\/(errors\/|utils\/(?!assess)|confidence\/(apply|threshold-range))/ }],
        },
        entryFileNames: 'core-[name].js',
        chunkFileNames: ({ isDynamicEntry }) => `${isDynamicEntry ? 'lazy' : 'core'}-[name].js`,
      },
    },
  },
}

function declarations(config: string): void {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`Declarations of ${config} could not be written.`)
}

if (wanted('library')) {
  rmSync('dist', { recursive: true, force: true })
  await build(bundle('dist', { index: 'src/index.ts', testing: 'src/testing/index.ts', worker: 'workers/engine.worker.ts' }))
  declarations('tsconfig.build.json')
  await build(measured)
}
if (wanted('gateway')) {
  rmSync('server/dist', { recursive: true, force: true })
  const gateway = bundle('server/dist', { app: 'server/app.ts', serve: 'server/serve.ts' })
  await build({ ...gateway, build: { ...gateway.build, ssr: true } })
  declarations('server/tsconfig.build.json')
}
if (wanted('demo')) {
  await ensureModels()
  await build()
}
