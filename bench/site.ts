import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { build, preview, type InlineConfig } from 'vite'

import { CHROMIUM_FLAGS, findChromium } from '../scripts/chromium.ts'
import { ensureModels } from '../scripts/models.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGES = join(ROOT, 'bench/page')
const TMP = join(ROOT, '.tmp')

/** Threads need cross-origin isolation. */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** How an app names the library, and what that is here. */
export const ALIAS: readonly { readonly find: string; readonly replacement: string }[] = [
  { find: 'transaxle/worker', replacement: join(ROOT, 'workers/engine.worker.ts') },
  { find: 'transaxle', replacement: join(ROOT, 'src/index.ts') },
]

/** A browser that starts with nothing cached, and keeps what it caches until it is closed. */
export interface Profile {
  open(page: string): Promise<Page>
  close(): Promise<void>
}

/** Pages of `bench/page`, built as an app would be and served with the bundled models, and a Chromium to open them in. */
export interface Site {
  readonly browserVersion: string
  /** Opens a page in the browser that all share. */
  open(page: string): Promise<Page>
  profile(): Promise<Profile>
  close(): Promise<void>
}

export interface SiteOptions {
  /** Names of the pages to build; default all that are no suite's. */
  readonly pages: readonly string[]
  /** Modules that the pages import by name. */
  readonly modules?: Readonly<Record<string, string>> | undefined
}

export async function openSite({ pages, modules = {} }: SiteOptions): Promise<Site> {
  await ensureModels()
  mkdirSync(TMP, { recursive: true })
  const folder = mkdtempSync(join(TMP, 'bench-'))
  const config: InlineConfig = {
    configFile: false,
    root: PAGES,
    publicDir: false,
    appType: 'mpa',
    logLevel: 'error',
    resolve: { alias: [...Object.entries(modules).map(([find, replacement]) => ({ find, replacement })), ...ALIAS] },
    worker: { format: 'es' },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      rolldownOptions: { input: Object.fromEntries(pages.map((page) => [page, join(PAGES, `${page}.html`)])) },
    },
    preview: { port: 4780, headers: ISOLATED },
  }
  await build(config)
  for (const shared of ['models', 'data']) symlinkSync(join(ROOT, 'public', shared), join(folder, shared))
  symlinkSync(peerRuntime(), join(folder, 'peer-ort'))

  const server = await preview(config)
  const url = server.resolvedUrls?.local[0]
  if (url === undefined) throw new Error('The server of the bench pages has no address.')
  const launch = { executablePath: findChromium(), args: [...CHROMIUM_FLAGS], headless: true }
  let browser: Browser
  try {
    browser = await chromium.launch(launch)
  } catch (error) {
    await server.close()
    throw error
  }
  const context = await browser.newContext()

  return {
    browserVersion: browser.version(),
    open: (page) => openPage(context, `${url}${page}.html`),
    async profile() {
      const directory = mkdtempSync(join(TMP, 'profile-'))
      const own = await chromium.launchPersistentContext(directory, launch)
      return {
        open: (page) => openPage(own, `${url}${page}.html`),
        async close() {
          await own.close()
          rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
        },
      }
    },
    async close() {
      await browser.close()
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What a page's `serve`d function gives for some options. Both sides are of this repository: the answer's type is trusted. */
export async function ask<T>(page: Page, options: unknown): Promise<T> {
  await page.waitForFunction("typeof bench === 'function'")
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the page's answer, typed by the page's own export
  return (await page.evaluate(`bench(${JSON.stringify(options)})`)) as T
}

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(`  [page] ${message.text()}`)
  })
  page.on('pageerror', (error) => console.error(`  [page] ${error.message}`))
  await page.goto(url)
  return page
}

/** The folder of the onnxruntime-web that `@huggingface/transformers` has for itself, which it fetches from a CDN by default. */
function peerRuntime(): string {
  const require = createRequire(import.meta.url)
  const peer = dirname(require.resolve('@huggingface/transformers'))
  const own = resolve(peer, '../node_modules/onnxruntime-web/dist')
  return existsSync(own) ? own : resolve(ROOT, 'node_modules/onnxruntime-web/dist')
}
