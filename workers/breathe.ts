const waiting: (() => void)[] = []
let channel: MessageChannel | undefined

/**
 * Resolves after the messages that wait now have been handled. Engines that compute on this thread call it between tokens: a
 * microtask would let no message in, and a timer costs 4 ms.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    channel ??= openChannel()
    waiting.push(resolve)
    channel.port2.postMessage(undefined)
  })
}

function openChannel(): MessageChannel {
  const made = new MessageChannel()
  made.port1.addEventListener('message', () => waiting.shift()?.())
  made.port1.start()
  return made
}
