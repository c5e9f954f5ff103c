/** The built demo, used as a person would: triage, threshold, privacy, then no network, a reload, and on. */
import type { Browser, BrowserContext, Page, Request } from 'playwright'
import type { PreviewServer } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { ensureModels } from '../../scripts/models.ts'
import { buildAndServe, launch } from './browser.ts'

let served: { readonly url: string; readonly server: PreviewServer }
let browser: Browser
let context: BrowserContext
let page: Page
const problems: string[] = []
const requests: Request[] = []

beforeAll(async () => {
  await ensureModels()
  served = await buildAndServe({})
  browser = await launch()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  context.on('request', (request) => requests.push(request))
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(served.url)
})

afterAll(async () => {
  await browser.close()
  await served.server.close()
})

const card = (task: string) => page.locator(`section[aria-labelledby="card-${task}"]`)

async function open(index: number): Promise<void> {
  await page.locator('.messages > li').nth(index).click()
}

async function settle(task: string, timeout = 60_000): Promise<string> {
  await card(task).getByRole('button').first().click()
  await card(task).locator('.settled .where').waitFor({ timeout })
  await page.waitForFunction(
    (name) => document.querySelector(`[aria-labelledby="card-${name}"]`)?.getAttribute('aria-busy') !== 'true',
    task,
    { timeout },
  )
  return card(task).locator('.settled .where b').innerText()
}

/** Messages that would stay on the device at the present threshold. */
async function staying(): Promise<number> {
  return Number(await page.locator('.threshold .lead b').first().innerText())
}

async function limit(value: string): Promise<void> {
  await page.locator('#threshold').fill(value)
}

test('shows the inbox before any model is there, and is isolated and strict', async () => {
  await expect.poll(() => page.locator('.messages > li').count()).toBeGreaterThan(9)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  const { headers: sent } = await fetch(served.url)
  const headers = sent.get('content-security-policy') ?? ''
  expect(headers).toContain("default-src 'none'")
  expect(headers).not.toContain('unsafe-inline')
})

test('the threshold moves messages between the device and the frontier, at once', async () => {
  await expect.poll(staying, { timeout: 120_000, interval: 500 }).toBeGreaterThanOrEqual(0)
  await expect.poll(() => page.locator('.threshold .lead').innerText(), { timeout: 120_000 }).toMatch(/of 126 messages/)
  await limit('0')
  await expect.poll(staying).toBe(0)
  await limit('1')
  // The scores are still coming in.
  await expect.poll(staying, { timeout: 120_000 }).toBe(126)
  await limit('0.3')
  await expect.poll(staying).toBeLessThan(126)
  expect(await staying()).toBeGreaterThan(0)
})

test('triages ten messages; each says where it settled, why and at what cost', async () => {
  const seen = new Set<string>()
  for (let index = 0; index < 10; index += 1) {
    await open(index)
    seen.add(await settle('triage'))
    expect(await card('triage').locator('.why').innerText()).toMatch(/\w+ .*\./)
    expect(await card('triage').locator('.facts').innerText()).toMatch(/Time\s.*ms|Time\s.*s/)
  }
  expect([...seen].every((where) => /device|frontier model/.test(where))).toBe(true)
})

test('a message that must stay here sends nothing, whatever the threshold', async () => {
  await limit('0')
  await open(12)
  const subject = await page.locator('#subject').innerText()
  const body = await page.locator('.message-pane .body').innerText()
  await page.getByRole('radio', { name: 'This device only' }).check({ force: true })
  const before = requests.length
  expect(await settle('triage')).toMatch(/this device/)
  expect(await card('triage').locator('.facts').innerText()).toMatch(/nothing/)
  await page.waitForTimeout(1000)
  const sent = requests.slice(before).map((request) => `${request.method()} ${request.url()} ${request.postData() ?? ''}`)
  expect(sent.filter((line) => /^POST|chat\/completions/.test(line))).toEqual([])
  for (const line of sent) for (const text of [subject, body.slice(0, 40)]) expect(decodeURIComponent(line)).not.toContain(text)
  await page.getByRole('radio', { name: 'Threshold decides' }).check({ force: true })
  await limit('0.3')
})

test('reads details on the device, with the language model, and sends nothing', async () => {
  await open(12)
  await page.getByRole('radio', { name: 'This device only' }).check({ force: true })
  const before = requests.length
  // An answer that fails its checks is none: with nothing to keep, and nothing to be sent, the request is refused.
  expect(await settle('extract', 240_000)).toMatch(/this device|No answer/)
  expect(await card('extract').locator('.facts').innerText()).toMatch(/nothing/)
  expect(requests.slice(before).filter((request) => request.method() === 'POST')).toEqual([])
  await page.getByRole('radio', { name: 'Threshold decides' }).check({ force: true })
})

test('goes on without a network, after a reload too, and delivers what waited', async () => {
  // The worker that keeps the page must be in charge before the network goes.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: 30_000 })
  await page.reload()
  await expect.poll(() => page.locator('.threshold .lead').innerText(), { timeout: 120_000 }).toMatch(/of 126 messages/)
  await context.setOffline(true)
  await page.reload()
  await expect.poll(() => page.locator('.messages > li').count()).toBeGreaterThan(9)
  await expect.poll(() => page.locator('.threshold .lead').innerText(), { timeout: 120_000 }).toMatch(/of 126 messages/)

  await open(14)
  expect(await settle('triage')).toMatch(/this device/)
  await page.getByRole('radio', { name: 'Frontier only' }).check({ force: true })
  expect(await settle('draft', 120_000)).toBe('Waiting in the outbox')
  await page.getByRole('radio', { name: 'Threshold decides' }).check({ force: true })

  await context.setOffline(false)
  await page.waitForFunction(
    () => document.querySelector('[aria-labelledby="card-draft"] .where b')?.textContent === 'Answered by the frontier model',
    undefined,
    { timeout: 60_000 },
  )
})

test('no error was shown to the console but those of the missing network', () => {
  expect(problems.filter((problem) => !/ERR_INTERNET_DISCONNECTED|Failed to fetch|Failed to load resource/.test(problem))).toEqual(
    [],
  )
})
