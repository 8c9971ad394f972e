import { cleanup, render, screen, waitFor, within } from '@testing-library/svelte'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { router } from '$lib/router/router.svelte'
import Root from '../../Root.svelte'
import { FakeSocket } from '../../testing/fakeSocket'
import { overview, totals } from '../../testing/ledger'

vi.mock('$ui/chart/StackedBars.svelte', async () => import('../../testing/NoChart.svelte'))

const opus = totals({ calls: 30, total_tokens: 9000, total_cost_nano: '3000000000' })
const sonnet = totals({ calls: 10, total_tokens: 1000, total_cost_nano: '1000000000' })
const whole = totals({ calls: 40, total_tokens: 10_000, total_cost_nano: '4000000000' })
const half = totals({ calls: 20, total_tokens: 5000, total_cost_nano: '2000000000' })
const estimated = {
  days: 12,
  first_day: '2026-08-01',
  last_day: '2026-08-12',
  as_of: '2026-08-20',
  total_tokens: 1_200_000,
  total_cost: 3.4,
  total_cost_nano: '3400000000',
  total_cost_low_nano: '3000000000',
  complete: true,
}
let asked: URLSearchParams[]

/** Two models; whatever ends before today is the period before, and was half of it. */
function grouped(query: URLSearchParams): object {
  const earlier = !query.get('end_date')?.startsWith(today())
  const by = query.get('group_by') ?? ''
  const groups = { model: ['claude-opus-5', 'claude-sonnet-5'], project: ['/p/a', '/p/b'] }[by]
  const sums = earlier ? [half, half] : [opus, sonnet]
  const rows = groups?.map((value, at) => ({ ...sums[at], [by]: value })) ?? []
  return { timezone: 'UTC', rows, totals: earlier ? half : whole }
}

function today(): string {
  const now = new Date()
  const two = (value: number) => String(value).padStart(2, '0')
  return `${String(now.getFullYear())}-${two(now.getMonth() + 1)}-${two(now.getDate())}`
}

function serve(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname.endsWith('/overview')) return Promise.resolve(Response.json(overview()))
  if (pathname.endsWith('/pricing'))
    return Promise.resolve(Response.json({ models: {}, unpriced: [] }))
  if (!pathname.endsWith('/query'))
    return Promise.resolve(Response.json({ totals: whole, models: {}, estimated }))
  asked.push(searchParams)
  return Promise.resolve(Response.json(grouped(searchParams)))
}

beforeEach(async () => {
  asked = []
  FakeSocket.opened = []
  vi.stubGlobal('fetch', vi.fn(serve))
  vi.stubGlobal('WebSocket', FakeSocket)
  await useLocale('en')
  router.go('usage', '')
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

/** The page takes long to compile the first time. */
const PATIENT = { timeout: 10_000 }

describe('the usage page', () => {
  it('tells of days that only the statistics know, apart from the figures', async () => {
    render(Root)
    const told = await screen.findByTestId('estimated-days', {}, PATIENT)
    for (const part of ['12 days', '1.20M', '≈ $3.40', '2026-08-20'])
      expect(told.textContent).toContain(part)
    expect((await screen.findByTestId('usage-cost')).textContent.trim()).toBe('$4.00')
  })

  it('shows the period and what became of the one before', async () => {
    render(Root)
    const cost = await screen.findByTestId('usage-cost', {}, PATIENT)
    expect(cost.textContent.trim()).toBe('$4.00')
    await waitFor(() => {
      expect(cost.parentElement?.parentElement?.textContent).toContain(
        '+100% vs same stretch before',
      )
    })
  })

  it('asks everything anew when a row is chosen', async () => {
    render(Root)
    const table = await screen.findByTestId('by-model', {}, PATIENT)
    const button = await within(table).findByRole('button', { name: 'claude-opus-5' }, PATIENT)
    asked = []
    button.click()
    await screen.findByText('Model is claude-opus-5')
    await waitFor(() => {
      const dimensions = asked.map((query) => query.get('group_by') ?? query.get('grain'))
      expect(new Set(dimensions)).toEqual(
        new Set(['day', 'hour', 'model', 'project', 'session,project', 'source', null]),
      )
    })
    expect(asked.every((query) => query.get('filter') === 'model:claude-opus-5')).toBe(true)
    await waitFor(() => {
      expect(
        within(table).getByRole('button', { name: 'claude-opus-5', pressed: true }),
      ).toBeTruthy()
    })
  })

  it('compares nothing when told not to', async () => {
    router.go('usage', '?compare=0')
    render(Root)
    await screen.findByTestId('usage-cost', {}, PATIENT)
    await screen.findByTestId('by-model', {}, PATIENT)
    expect(asked.some((query) => query.has('compare'))).toBe(false)
    expect(asked.every((query) => query.get('end_date') === today())).toBe(true)
    expect(screen.queryByText(/vs same stretch/)).toBeNull()
  })
})
