import './styles/tokens.css'
import './styles/page.css'
import './styles/parts.css'

import { render } from 'lit'

import { start } from './controller.ts'
import { messageOf } from './engines.ts'
import { parseInbox } from './inbox.ts'
import { listenToKeys } from './keys.ts'
import { createMemory } from './memory.ts'
import { createState, type State } from './state.ts'
import { createTasks } from './tasks.ts'
import { page } from './views/page.ts'

/** Milliseconds between two pictures while many messages are worked on. */
const BATCH_FRAME = 150

async function open(root: HTMLElement): Promise<void> {
  const inbox = parseInbox(await (await fetch('/data/inbox.json')).json())
  const memory = createMemory(storage())
  const state = createState(inbox, createTasks(inbox))
  const choices = memory.choices()
  state.backend = choices.backend
  state.theme = choices.theme
  state.offline = choices.offline
  state.choice = choices.threshold
  if (choices.threshold.mode === 'number') {
    state.limits = { encoder: choices.threshold.number, generator: choices.threshold.number }
  }
  state.selected = selectedOf(state)

  let drawing = false
  // Whatever changes within a frame is one picture; while many messages are worked on, a few pictures a second will do.
  const changed = (): void => {
    if (drawing) return
    drawing = true
    setTimeout(
      () =>
        requestAnimationFrame(() => {
          drawing = false
          draw()
        }),
      state.batch === undefined ? 0 : BATCH_FRAME,
    )
  }
  const actions = await start(state, memory, changed, save)
  const draw = (): void => {
    document.documentElement.dataset['theme'] = state.theme
    render(page(state, actions), root)
  }
  root.replaceChildren()
  draw()
  document.querySelector('.row[aria-current]')?.scrollIntoView({ block: 'nearest' })

  addEventListener('hashchange', () => {
    const before = state.selected
    actions.select(selectedOf(state))
    draw()
    focusAfter(before, state.selected)
  })
  listenToKeys(state, actions)
  // The seconds of what is running.
  setInterval(() => state.running.size > 0 && changed(), 1000)
}

/** The message that the address names: the browser's own back and forward work. */
function selectedOf({ byId }: State): string | undefined {
  const id = location.hash.slice(1)
  return byId.has(id) ? id : undefined
}

/** Whoever opens a message goes on reading there; whoever comes back stands where they left. */
function focusAfter(before: string | undefined, now: string | undefined): void {
  if (now !== undefined) document.getElementById('message')?.focus({ preventScroll: true })
  else if (before !== undefined) document.querySelector<HTMLElement>(`[data-message="${before}"]`)?.focus()
}

function save(name: string, type: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

function storage(): Storage | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}

const root = document.getElementById('app')
if (root !== null) {
  open(root).catch((error: unknown) => {
    root.textContent = `The page could not start: ${messageOf(error)} Reload to try again.`
  })
}
if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  // Without it the page cannot be opened offline, and is none the worse otherwise.
  navigator.serviceWorker.register('/offline.js').catch(() => {})
}
