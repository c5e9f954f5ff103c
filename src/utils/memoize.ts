/** Promises by key, made once. A promise that rejects is forgotten, so that the next caller tries again. */
export class PromiseCache {
  readonly #promises = new Map<string, Promise<unknown>>()

  get<T>(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#promises.get(key)

    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the key names the type: one caller, one kind of value per key
    if (known !== undefined) return known as Promise<T>
    const made = make()
    this.#promises.set(key, made)
    made.catch(() => {
      if (this.#promises.get(key) === made) this.#promises.delete(key)
    })
    return made
  }

  clear(): void {
    this.#promises.clear()
  }
}
