/** Makes a page's function callable from outside, as `bench(options)`. */
export function serve(run: (options: never) => Promise<unknown>): void {
  Object.assign(globalThis, { bench: run })
}
