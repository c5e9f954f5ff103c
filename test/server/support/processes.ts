import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A child process whose lines can be waited for. */
export interface Child {
  readonly url: string
  /** Everything that it wrote, both streams. */
  output(): string
  /** How often this line was written so far. */
  count(line: string): number
  /** Resolves once the line was written `times` times, with `performance.now()` of that moment. */
  line(line: string, times?: number): Promise<number>
  /** Sends a signal and waits for the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a TypeScript file in a second Node process and waits for the URL it listens on. */
export async function startChild(file: string, env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const path = fileURLToPath(new URL(`../../../${file}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', path], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const waiting = new Set<() => void>()
  const onData = (data: Buffer): void => {
    text += data.toString()
    for (const check of waiting) check()
  }
  child.stdout.on('data', onData)
  child.stderr.on('data', onData)
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))

  const until = <T>(test: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const value = test()
        if (value === undefined) return
        waiting.delete(check)
        resolve(value)
      }
      waiting.add(check)
      void exited.then((code) => reject(new Error(`${file} ended with code ${code}:\n${text}`)))
      check()
    })
  const count = (line: string): number => text.split('\n').filter((each) => each === line).length

  const url = await until(() => /http:\/\/[\d.]+:\d+/.exec(text)?.[0])
  return {
    url,
    output: () => text,
    count,
    line: (line, times = 1) => until(() => (count(line) >= times ? performance.now() : undefined)),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return exited
    },
  }
}
