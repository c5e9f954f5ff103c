/** A clock that stands still until it is told to go on. */
export interface FakeClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Resolves when the clock has come so far; rejects with the signal's reason if that aborts first. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>
  /** Moves the clock on and wakes who is due, in order of time; resolves when they, and whom they woke, have run. */
  readonly advance: (milliseconds: number) => Promise<void>
}

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** @param start milliseconds since the epoch */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  const sleepers = new Set<Sleeper>()
  let time = start

  const sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => {
        sleepers.delete(sleeper)
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is what its user made it
        reject(signal?.reason)
      }
      const sleeper: Sleeper = {
        at: time + milliseconds,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      sleepers.add(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted === true) onAbort()
    })

  const advance = async (milliseconds: number): Promise<void> => {
    const until = time + milliseconds
    await settle()
    for (;;) {
      const due = [...sleepers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      sleepers.delete(due)
      time = Math.max(time, due.at)
      due.wake()
      await settle()
    }
    time = until
  }

  return { now: () => time, sleep, advance }
}

/** Lets everything that can go on without time passing go on. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(undefined)
  })
}
