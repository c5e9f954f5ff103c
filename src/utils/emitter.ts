/** Typed listeners by event name. A listener that throws does not keep the others from being called. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()

  /** Adds a listener; the function it returns takes it away. */
  on<N extends keyof Events>(name: N, listener: (event: Events[N]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  emit<N extends keyof Events>(name: N, event: Events[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `on` put only listeners of this event under its name
        ;(listener as (event: Events[N]) => void)(event)
      } catch (error) {
        // Reported as an uncaught error of its own, as the DOM does for event listeners.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
