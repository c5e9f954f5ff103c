/** The package as an app gets it: packed, installed, typed, bundled by Vite and run in Chromium, with the README's own example. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import type { PreviewServer } from 'vite'

import { gatewayPlugin } from '../../scripts/gateway-plugin.ts'
import { buildAndServe, launch } from './browser.ts'

const app = resolve('.tmp/app')
let served: { readonly url: string; readonly server: PreviewServer }

const node = (...args: readonly string[]): string => execFileSync(process.execPath, args, { encoding: 'utf8' })

beforeAll(async () => {
  node('--import', 'tsx', 'scripts/build.ts', 'library')
  rmSync(app, { recursive: true, force: true })
  mkdirSync(`${app}/node_modules/transaxle`, { recursive: true })
  const packed: unknown = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', app], { encoding: 'utf8' }))
  const name = Array.isArray(packed) && typeof packed[0]?.filename === 'string' ? packed[0].filename : 'no package'
  execFileSync('tar', ['-xzf', `${app}/${name}`, '-C', `${app}/node_modules/transaxle`, '--strip-components=1'])

  const [, example = ''] = /```ts\n([^]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
  writeFileSync(
    `${app}/main.ts`,
    `${example}\ndocument.title = JSON.stringify({ settled: outcome.settled, value: outcome.value, code: outcome.reason.code })\nexport {}\n`,
  )
  writeFileSync(`${app}/index.html`, '<!doctype html><title>waiting</title><script type="module" src="/main.ts"></script>')
  writeFileSync(
    `${app}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        module: 'ESNext',
        moduleResolution: 'bundler',
        target: 'ES2023',
        lib: ['ES2023', 'DOM'],
        strict: true,
        noEmit: true,
        types: [],
      },
      files: ['main.ts'],
    }),
  )
  mkdirSync(`${app}/public/models/Xenova`, { recursive: true })
  cpSync('public/models/Xenova', `${app}/public/models/Xenova`, { recursive: true })
  cpSync('public/models/manifest.json', `${app}/public/models/manifest.json`)
  served = await buildAndServe({
    root: app,
    configFile: false,
    plugins: [gatewayPlugin()],
    worker: { format: 'es' },
    build: { target: 'es2023' },
  })
})

afterAll(() => served.server.close())

test('carries no weights and little else', () => {
  const files = node(
    '-e',
    `console.log(require('node:fs').readdirSync('${app}/node_modules/transaxle', { recursive: true }).join('\\n'))`,
  )
  expect(files).not.toMatch(/\.onnx|\.wasm|public\//)
  expect(files.split('\n')).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'NOTICE', 'package.json']))
})

test("types the README's example", () => {
  expect(node('node_modules/typescript/bin/tsc', '-p', app)).toBe('')
})

test("runs the README's example in a browser", async () => {
  const browser = await launch()
  try {
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(served.url)
    await page.waitForFunction(() => document.title !== 'waiting', undefined, { timeout: 60_000 })
    expect(JSON.parse(await page.title())).toEqual({ settled: 'device', value: { label: 'status' }, code: 'score-unknown-kept' })
    expect(errors).toEqual([])
  } finally {
    await browser.close()
  }
})
