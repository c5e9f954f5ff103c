#!/usr/bin/env node
import type { LogEntry } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { startGateway } from './node.ts'

const HELP = `transaxle-gateway: an OpenAI-shaped endpoint that keeps the key.

Settings are environment variables; README.md has the table. The ones most used:
  FRONTIER_BASE_URL, FRONTIER_API_KEY, FRONTIER_MODEL   the upstream; without one the answer key answers
  ANSWER_KEY                                            its inbox file (public/data/inbox.json)
  HOST, PORT                                            where to listen (127.0.0.1, 8787)
`

if (process.argv.includes('--help')) process.stdout.write(HELP)
else await main()

async function main(): Promise<void> {
  try {
    const config = readConfig(process.env)
    const gateway = await startGateway(config, writeLog)
    const answers = config.frontier === undefined ? 'the answer key' : new URL(config.frontier.baseUrl).host
    process.stdout.write(`transaxle-gateway listens on ${gateway.url}; ${answers} answers\n`)
    const stop = (): void => {
      process.off('SIGINT', stop).off('SIGTERM', stop)
      void gateway.close().then(() => process.exit(0))
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
  } catch (thrown) {
    // Only what was written for people: a stack could hold the environment.
    const message = thrown instanceof ConfigError || thrown instanceof Error ? thrown.message : 'unknown error'
    process.stderr.write(`transaxle-gateway could not start:\n${message}\n`)
    process.exitCode = 1
  }
}

function writeLog(entry: LogEntry): void {
  process.stdout.write(`${JSON.stringify(entry)}\n`)
}
