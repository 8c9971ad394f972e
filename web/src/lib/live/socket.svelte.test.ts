import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeSocket } from '../../testing/fakeSocket'
import { LiveSocket, socketUrl } from './socket.svelte'

const onOpen = vi.fn()
const onMessage = vi.fn()
let hidden = false
let stop = () => {}

function start(): LiveSocket {
  const live = new LiveSocket('ws://ledger/ws', { onOpen, onMessage })
  stop = live.start()
  return live
}

function look(away: boolean): void {
  hidden = away
  document.dispatchEvent(new Event('visibilitychange'))
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden)
  FakeSocket.opened = []
})

afterEach(() => {
  stop()
  hidden = false
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  onOpen.mockClear()
  onMessage.mockClear()
})

describe('the connection', () => {
  it('is live once open, and asks for what was missed', () => {
    const live = start()
    expect(live.status).toBe('connecting')
    FakeSocket.last.onopen?.()
    expect(live.status).toBe('live')
    expect(onOpen).toHaveBeenCalledTimes(1)
  })

  it('hands on messages and keeps the version', () => {
    const live = start()
    FakeSocket.last.onopen?.()
    FakeSocket.last.say({
      type: 'initial_data',
      timestamp: '',
      data: { version: '0.1.0', batch: 1 },
    })
    FakeSocket.last.say({ type: 'pong' })
    expect(live.version).toBe('0.1.0')
    expect(onMessage).toHaveBeenCalledTimes(1)
  })

  it('comes back by itself and fetches again', () => {
    const live = start()
    FakeSocket.last.onopen?.()
    FakeSocket.last.onclose?.()
    expect(live.status).toBe('waiting')
    expect(live.retryAt).toBeGreaterThan(Date.now())
    vi.advanceTimersByTime(1000)
    expect(FakeSocket.opened).toHaveLength(2)
    FakeSocket.last.onopen?.()
    expect(live.status).toBe('live')
    expect(live.retryAt).toBeNull()
    expect(onOpen).toHaveBeenCalledTimes(2)
  })

  it('waits longer after every failure', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const live = start()
    const waits = [1, 2, 4, 8].map((seconds) => {
      FakeSocket.last.onclose?.()
      const wait = (live.retryAt ?? 0) - Date.now()
      vi.advanceTimersByTime(seconds * 1000)
      return wait
    })
    expect(waits).toEqual([1000, 2000, 4000, 8000])
  })

  it('takes a long silence for a dead line', () => {
    const live = start()
    FakeSocket.last.onopen?.()
    vi.advanceTimersByTime(40_000)
    expect(FakeSocket.last.sent).toHaveLength(2)
    vi.advanceTimersByTime(20_000)
    expect(live.status).toBe('waiting')
  })
})

describe('after a break', () => {
  const begin = (batch: number) => {
    FakeSocket.last.onopen?.()
    FakeSocket.last.say({ type: 'initial_data', timestamp: '', data: { version: '0.1.0', batch } })
  }
  const update = (batch: number) => {
    FakeSocket.last.say({
      type: 'stats_update',
      timestamp: '',
      data: { batch, model: 'm', calls: 1 },
    })
  }
  const comeBack = (batch: number) => {
    FakeSocket.last.onclose?.()
    vi.advanceTimersByTime(1000)
    begin(batch)
  }
  const asked = () => FakeSocket.last.sent.map((text): unknown => JSON.parse(text))

  it('asks for what came after the last batch it knows, and fetches nothing by itself', () => {
    start()
    begin(5)
    update(6)
    comeBack(9)
    expect(asked()).toEqual([{ type: 'subscribe', after: 6 }])
    expect(onOpen).toHaveBeenCalledTimes(1)
    expect(onMessage).toHaveBeenCalledTimes(3)
  })

  it('takes up where it heard nothing from', () => {
    start()
    begin(5)
    comeBack(9)
    expect(asked()).toEqual([{ type: 'subscribe', after: 5 }])
    comeBack(9)
    expect(asked()).toEqual([{ type: 'subscribe', after: 5 }])
    update(6)
    comeBack(12)
    expect(asked()).toEqual([{ type: 'subscribe', after: 6 }])
  })

  it('counts on from the new connection once everything is fetched anew', () => {
    start()
    begin(5)
    comeBack(900)
    FakeSocket.last.say({ type: 'resync', timestamp: '', data: {} })
    comeBack(901)
    expect(asked()).toEqual([{ type: 'subscribe', after: 900 }])
  })
})

describe('while nobody looks', () => {
  it('rests, and resumes at once', () => {
    const live = start()
    FakeSocket.last.onopen?.()
    look(true)
    expect(live.status).toBe('paused')
    expect(FakeSocket.last.closed).toBe(true)
    vi.advanceTimersByTime(120_000)
    expect(FakeSocket.opened).toHaveLength(1)
    look(false)
    expect(FakeSocket.opened).toHaveLength(2)
  })

  it('does not even start in a hidden tab', () => {
    hidden = true
    expect(start().status).toBe('paused')
    expect(FakeSocket.opened).toHaveLength(0)
  })
})

it('lies beside the page, under any prefix', () => {
  expect(socketUrl('http://127.0.0.1:51888')).toBe('ws://127.0.0.1:51888/ws')
  expect(socketUrl('https://host/ledger')).toBe('wss://host/ledger/ws')
})
