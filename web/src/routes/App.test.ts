import { cleanup, render, screen, waitFor } from '@testing-library/svelte'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Overview } from '$lib/api/types'
import { useLocale } from '$lib/i18n/i18n.svelte'
import Root from '../Root.svelte'
import { call } from '../testing/calls'
import { FakeSocket } from '../testing/fakeSocket'
import { importState, overview, totals } from '../testing/ledger'

vi.mock('$ui/chart/StackedBars.svelte', async () => import('../testing/NoChart.svelte'))

const spent = totals({
  calls: 1284,
  total_tokens: 48_213_377,
  total_cost_nano: '41870000000',
})

let answer: Overview
/** Where calls came from, in the last days. */
let sources: string[]
let failing: string | null = null

function serve(request: Request): Promise<Response> {
  if (failing !== null && request.url.includes(failing)) {
    return Promise.resolve(Response.json({ error: 'The ledger is locked.' }, { status: 503 }))
  }
  if (request.url.includes('/overview')) return Promise.resolve(Response.json(answer))
  if (request.url.includes('/query')) {
    const rows = sources.map((source) => ({ source, calls: 3 }))
    return Promise.resolve(Response.json({ timezone: 'UTC', rows, totals: { calls: 3 } }))
  }
  if (request.url.includes('/stats/requests')) return Promise.resolve(Response.json(throughGateway))
  if (request.url.includes('/me'))
    return Promise.resolve(Response.json({ signed_in: false, how: null, password_set: true }))
  const models = answer.ledger.calls > 0 ? { 'claude-opus-5-5': spent } : {}
  return Promise.resolve(
    Response.json({ timezone: 'UTC', generated_at: '', totals: spent, models, estimated: null }),
  )
}

const day = { date: '2026-11-20', requests: 50, success_count: 49, error_count: 1, total_tokens: 9 }
const throughGateway = {
  today: day,
  trend: [day],
  latest: [
    call('7', { token_name: 'laptop', status_code: 429, success: false, failed_by: 'upstream' }),
  ],
}

/** Something to wait for until it is opened. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return {
    opened,
    open: () => {
      open()
    },
  }
}

/** Lets everything happen that only waits for its turn. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}

beforeEach(async () => {
  answer = overview({ today: spent, yesterday_same_time: totals({ calls: 3 }) })
  sources = ['transcript']
  failing = null
  FakeSocket.opened = []
  vi.stubGlobal('fetch', vi.fn(serve))
  vi.stubGlobal('WebSocket', FakeSocket)
  await useLocale('en')
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('the overview', () => {
  it('shows the figures of the day', async () => {
    render(Root)
    const tokens = await screen.findByTestId('total-tokens')
    expect(parseInt(tokens.textContent)).toBe(48)
    expect(screen.getByTestId('cost-today').textContent.trim()).toBe('$41.87')
    expect(screen.getByTestId('calls-today').textContent.trim()).toBe('1,284')
    expect((await screen.findByTestId('model-stats')).textContent).toContain('claude-opus-5-5')
  })

  it('moves with the ledger', async () => {
    render(Root)
    await screen.findByTestId('calls-today')
    answer = overview({ today: { ...spent, calls: 1285 } })
    FakeSocket.last.onopen?.()
    FakeSocket.last.say({ type: 'stats_update', timestamp: '', data: { batch: 1, calls: 1 } })
    await waitFor(() => {
      expect(screen.getByTestId('calls-today').textContent.trim()).toBe('1,285')
    })
  })

  it('shows models that arrived before anything could show them', async () => {
    const gates = { current: gate(), overview: gate() }
    vi.stubGlobal('fetch', async (request: Request) => {
      await (request.url.includes('/overview') ? gates.overview : gates.current).opened
      return serve(request)
    })
    render(Root)
    FakeSocket.last.onopen?.()
    await settle()
    gates.current.open()
    await settle()
    gates.overview.open()
    await screen.findByTestId('calls-today')
    await screen.findByTestId('model-stats')
  })

  it('turns from empty to figures by itself', async () => {
    const roots = [{ path: '/home/mira/.claude', found: true, files: 0, billing: 'api' }]
    answer = overview({
      ledger: { calls: 0, sessions: 0, first_call_at: null, last_call_at: null },
      import: importState({ roots }),
    })
    render(Root)
    await screen.findByText('Nothing recorded yet')
    screen.getByText('/home/mira/.claude')
    answer = overview({ today: spent })
    FakeSocket.last.onopen?.()
    await screen.findByTestId('calls-today')
    expect(screen.queryByText('Nothing recorded yet')).toBeNull()
  })

  it('shows an import while it runs and fills meanwhile', async () => {
    const running = importState({ state: 'importing', bytes_done: 25, bytes_total: 100 })
    answer = overview({ today: spent, import: running })
    render(Root)
    expect((await screen.findByTestId('import-progress')).textContent).toContain('25%')
    screen.getByTestId('calls-today')
    answer = overview({ today: spent })
    const done = { type: 'import_progress', timestamp: '', data: importState() }
    FakeSocket.last.say(done)
    await waitFor(() => {
      expect(screen.queryByTestId('import-progress')).toBeNull()
    })
  })

  it('says what went through the gateway, once anything did', async () => {
    sources = ['transcript', 'gateway']
    render(Root)
    const panel = await screen.findByTestId('gateway-today', {}, { timeout: 10_000 })
    for (const told of ['50', '98%', '1 failed', '429 upstream', 'laptop'])
      expect(panel.textContent).toContain(told)
  })

  it('leaves those alone who only have transcripts', async () => {
    render(Root)
    await screen.findByTestId('calls-today')
    await settle()
    expect(screen.queryByTestId('gateway-today')).toBeNull()
  })

  it('names models without a price', async () => {
    answer = overview({
      today: { ...spent, complete: false },
      unpriced: [{ model: 'claude-nope-9', calls: 3, total_tokens: 1200 }],
    })
    render(Root)
    await screen.findByText(/Prices missing for 1 model: cost is a lower bound/)
    expect(screen.getByTestId('cost-today').textContent).toContain('≥')
  })

  it('counts all recorded Tokens before the first call of the day', async () => {
    answer = overview()
    render(Root)
    await screen.findByText('Tokens, all recorded')
    expect(parseInt(screen.getByTestId('total-tokens').textContent)).toBe(48)
  })
})

describe('a failure', () => {
  it('says what to do, and leaves the other panels alone', async () => {
    failing = '/current'
    render(Root)
    await screen.findByTestId('calls-today')
    const alert = await screen.findByRole('alert', {}, { timeout: 3000 })
    expect(alert.textContent).toContain('Models: This could not be loaded')
    expect(alert.textContent).toContain('The ledger is locked.')
  })

  it('recovers when asked to', async () => {
    failing = '/overview'
    render(Root)
    await screen.findByRole('alert', {}, { timeout: 3000 })
    failing = null
    screen.getByRole('button', { name: 'Retry' }).click()
    await screen.findByTestId('calls-today')
    await waitFor(() => {
      expect(screen.queryByRole('alert')).toBeNull()
    })
  })
})
