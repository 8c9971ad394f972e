import { backoff } from './backoff'
import { readMessage, type LiveMessage } from './messages'

export type LiveStatus = 'connecting' | 'live' | 'waiting' | 'paused'

export interface LiveHandlers {
  /** The connection stands, and nothing is known of what happened before: it must be fetched. */
  onOpen: () => void
  onMessage: (message: LiveMessage) => void
}

const PING_EVERY_MS = 20_000
const SILENCE_LIMIT_MS = 45_000

/** One connection to the ledger: reconnects by itself and rests while nobody looks. */
export class LiveSocket {
  status = $state<LiveStatus>('connecting')
  retryAt = $state<number | null>(null)
  version = $state<string | null>(null)

  readonly #url: string
  readonly #handlers: LiveHandlers
  #socket: WebSocket | null = null
  #attempt = 0
  #heardAt = 0
  /** The last batch this page knows of: after a break the ledger tells what came since. */
  #batch: number | null = null
  #begunAt: number | null = null
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #pingTimer: ReturnType<typeof setInterval> | undefined

  constructor(url: string, handlers: LiveHandlers) {
    this.#url = url
    this.#handlers = handlers
  }

  /** Connects and stays connected until the returned function is called. */
  start(): () => void {
    const look = () => {
      if (document.hidden) this.#pause()
      else this.reconnect()
    }
    document.addEventListener('visibilitychange', look)
    look()
    return () => {
      document.removeEventListener('visibilitychange', look)
      this.#drop()
    }
  }

  /** Connects at once, without waiting for the next try. */
  reconnect(): void {
    this.#drop()
    this.status = 'connecting'
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    socket.onopen = () => {
      this.#opened()
    }
    socket.onmessage = (event) => {
      this.#heard(event.data)
    }
    socket.onclose = () => {
      this.#wait()
    }
  }

  #opened(): void {
    this.#attempt = 0
    this.#heardAt = Date.now()
    this.status = 'live'
    this.#pingTimer = setInterval(() => {
      this.#ping()
    }, PING_EVERY_MS)
    if (this.#batch === null) this.#handlers.onOpen()
    else this.#socket?.send(JSON.stringify({ type: 'subscribe', after: this.#batch }))
  }

  #heard(frame: unknown): void {
    this.#heardAt = Date.now()
    const message = readMessage(frame)
    if (!message) return
    this.#follow(message)
    this.#handlers.onMessage(message)
  }

  #follow(message: LiveMessage): void {
    if (message.type === 'initial_data') {
      this.version = message.data.version
      this.#begunAt = message.data.batch
      this.#batch ??= message.data.batch
    }
    if (message.type === 'stats_update') this.#batch = message.data.batch
    if (message.type === 'resync') this.#batch = this.#begunAt
  }

  /** A connection can die without a word (sleep, network change): silence counts as gone. */
  #ping(): void {
    if (Date.now() - this.#heardAt > SILENCE_LIMIT_MS) this.#wait()
    else this.#socket?.send(JSON.stringify({ type: 'ping' }))
  }

  #wait(): void {
    this.#drop()
    const delay = backoff(this.#attempt++)
    this.status = 'waiting'
    this.retryAt = Date.now() + delay
    this.#retryTimer = setTimeout(() => {
      this.reconnect()
    }, delay)
  }

  #pause(): void {
    this.#drop()
    this.status = 'paused'
  }

  #drop(): void {
    clearTimeout(this.#retryTimer)
    clearInterval(this.#pingTimer)
    this.retryAt = null
    const socket = this.#socket
    this.#socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }
}

/** ws://host/prefix/ws beside the page itself. */
export function socketUrl(base: string): string {
  return `${base.replace(/^http/, 'ws')}/ws`
}
