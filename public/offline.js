/*
 * Lets the demo page open without a network: what it fetched of its own origin is kept and used when the network is away.
 * Requests to the gateway always go out, and model files are kept by the library itself.
 */
const CACHE = 'birch-and-bay-page-1'
const NOT_OURS = /^\/(v1|healthz|models(?!\/manifest\.json$))(\/|$)/

addEventListener('install', (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.add('/')).then(() => skipWaiting())))
addEventListener('activate', (event) => event.waitUntil(clients.claim()))

addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (event.request.method !== 'GET' || url.origin !== location.origin || NOT_OURS.test(url.pathname)) return
  event.respondWith(url.pathname.startsWith('/assets/') ? keptFirst(event.request) : networkFirst(event.request))
})

/** Files with a hash in their name never change. */
async function keptFirst(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetchAndKeep(request)
}

async function networkFirst(request) {
  try {
    return await fetchAndKeep(request)
  } catch (error) {
    const kept = await caches.match(request.mode === 'navigate' ? '/' : request, { ignoreVary: true })
    if (kept === undefined) throw error
    return kept
  }
}

async function fetchAndKeep(request) {
  const response = await fetch(request)
  if (response.ok && response.type === 'basic') {
    const copy = response.clone()
    // A full disk costs the next start offline, not this one.
    caches.open(CACHE).then((cache) => cache.put(request, copy)).catch(() => {})
  }
  return response
}
