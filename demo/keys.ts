import type { Actions } from './controller.ts'
import { TASK_NAMES } from './results.ts'
import type { State } from './state.ts'

/** The list's arrow keys, and one letter for each task while a message is open. */
export function listenToKeys(state: State, actions: Actions): void {
  document.addEventListener('keydown', (event) => {
    const { target, key } = event
    if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof HTMLElement)) return
    if (target.closest('input, select, textarea') !== null) return
    if (target.matches('[data-message]') && move(target, key)) event.preventDefault()
    else if (key === '/') {
      event.preventDefault()
      document.getElementById('search')?.focus()
    } else if (key === 'Escape' && state.selected !== undefined) location.hash = ''
    else if (state.selected !== undefined) {
      const task = TASK_NAMES.find((name) => name.startsWith(key.toLowerCase()))
      if (task !== undefined && key.length === 1) actions.run(task, state.selected)
    }
  })
}

/** Moves the focus within the list; true if the key was one of the list's. */
function move(from: HTMLElement, key: string): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-message]')]
  const at = rows.indexOf(from)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1, PageDown: at + 8, PageUp: at - 8 }[key]
  if (to === undefined) return false
  rows[Math.min(rows.length - 1, Math.max(0, to))]?.focus()
  return true
}
