/** Numbers as people read them. */

export function bytes(count: number): string {
  if (count < 1000) return `${count} bytes`
  if (count < 999_500) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)} kB`
  return `${(count / 1e6).toFixed(count < 9_950_000 ? 1 : 0)} MB`
}

export function duration(milliseconds: number): string {
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`
}

/** Fractions of a cent are what a request costs, so they are shown. */
export function money(amount: number, currency = 'USD'): string {
  const sign = currency === 'USD' ? '$' : `${currency} `
  if (amount === 0) return `${sign}0`
  if (amount >= 1) return `${sign}${amount.toFixed(2)}`
  return `${sign}${amount.toFixed(amount >= 0.1 ? 3 : amount >= 0.001 ? 4 : 5)}`
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
const LOCAL_CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** Times of the sample inbox: they are invented, so they are the same everywhere. */
export function day(iso: string): string {
  return DAY.format(new Date(iso))
}

export function dayAndTime(iso: string): string {
  const date = new Date(iso)
  return `${DAY.format(date)}, ${CLOCK.format(date)}`
}

/** A time of the visitor's own. */
export function clock(epoch: number): string {
  return LOCAL_CLOCK.format(epoch)
}
