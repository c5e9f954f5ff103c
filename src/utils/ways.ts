import type { NoFrontier } from '../contracts/outcome.ts'
import type { Gates, RouteCode } from '../contracts/stages.ts'
import type { Task, WhenUnreachable } from '../contracts/task.ts'

/** Whether a task's text may be shown before it is whole: it streams, and no check can still turn it down. */
export function streamsUnchecked(task: { readonly streams: boolean; readonly checks: readonly unknown[] }): boolean {
  return task.streams && task.checks.length === 0
}

/** Device text goes live only where whatever comes of it will be kept: no check, no frontier, and `keep` before all else. */
export function showsLive<I, O>(task: Task<I, O>, gates: Gates): boolean {
  if (!streamsUnchecked(task) || gates.frontier.open) return false
  const missing = closedBecause(gates.frontier.code)
  return task.whenUnreachable.find((way) => possible(way, missing, true, task.fallback !== undefined)) === 'keep'
}

/** Whether a request can end this way: waiting must be able to help, and there must be something to keep or to fall back on. */
export function possible(way: WhenUnreachable, missing: NoFrontier, hasSpare: boolean, hasFallback: boolean): boolean {
  switch (way) {
    case 'queue':
      return missing === 'offline' || missing === 'frontier-unreachable'
    case 'keep':
      return hasSpare
    case 'fallback':
      return hasFallback
    case 'refuse':
      return true
  }
}

/** A shut gate of the frontier as the reason that a request ended without it. */
export function closedBecause(code: RouteCode): NoFrontier {
  return code === 'must-go-out' || code === 'device-not-capable' ? 'no-frontier' : code
}
