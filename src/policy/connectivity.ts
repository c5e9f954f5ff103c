/** How long one measurement counts, in milliseconds. */
const FRESH = 10_000

export interface ConnectivityOptions {
  /** Asks the gateway; true if it answers. */
  readonly probe: (signal: AbortSignal) => Promise<boolean>
  /** `navigator.onLine`: false is believed at once, true is measured. */
  readonly onLine: () => boolean
  readonly now: () => number
  readonly probeTimeout?: number | undefined
  /** Called when a measurement, an exchange or the switch says something new. */
  readonly onChange?: ((online: boolean) => void) | undefined
}

export interface Connectivity {
  /**
   * Whether the gateway can be reached, by the last measurement. One older than ten seconds is still the answer, so that no
   * request waits for a probe, and is made anew behind it; only the first is waited for. Never rejects.
   */
  online(): Promise<boolean>
  /** What a real exchange just showed, which is better than any probe. */
  saw(reachable: boolean): void
  /** The app's own switch: while `true`, the answer is no, whatever is measured. */
  offline: boolean
}

/** Online as a measurement of the gateway, since `navigator.onLine` knows only of the cable. */
export function createConnectivity(options: ConnectivityOptions): Connectivity {
  const { probe, onLine, now, probeTimeout = 3000, onChange } = options
  let switchedOff = false
  let last: { readonly at: number; readonly reachable: boolean } | undefined
  let running: Promise<boolean> | undefined

  async function measure(): Promise<boolean> {
    const reachable = await probe(AbortSignal.timeout(probeTimeout)).catch(() => false)
    running = undefined
    saw(reachable)
    return reachable
  }

  function saw(reachable: boolean): void {
    const before = last?.reachable
    last = { at: now(), reachable }
    if (before !== reachable && !switchedOff) onChange?.(reachable)
  }

  return {
    async online() {
      if (switchedOff || !onLine()) return false
      if (last === undefined || now() - last.at >= FRESH) running ??= measure()
      return last?.reachable ?? running ?? false
    },
    saw,
    get offline() {
      return switchedOff
    },
    set offline(off) {
      switchedOff = off
      last = undefined
      if (off) onChange?.(false)
    },
  }
}
