import { beforeEach, describe, expect, it } from 'vitest'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { call } from '../../testing/calls'
import { requestsSearch } from './address'
import { covered, scrubBuckets, scrubGrain } from './buckets'
import { workedLines } from './costLines'
import { findable } from './find'
import { savedViews, viewSearch } from './savedViews.svelte'
import { parseSort, pressed, sortText } from './sorts'
import { statusText, statusTone } from './status'
import { pace, stages } from './story'

beforeEach(async () => {
  await useLocale('en')
})

const line = { tokens: 1_000_000, usd_per_mtok: 5, cost: 5, cost_nano: '5000000000' }

describe('the cost of a call', () => {
  it('is worked out kind by kind', () => {
    const [input, write] = workedLines([
      { ...line, kind: 'input' },
      { ...line, kind: 'cache_write_5m_tokens' },
    ])
    expect(input).toMatchObject({ label: 'kind.input', count: 1_000_000, rate: 5, per: 'mtok' })
    expect(input?.nano).toBe(5_000_000_000n)
    expect(write?.label).toBe('kind.write5m')
  })

  it('counts web searches by the piece', () => {
    const searches = { kind: 'web_search', tokens: 3, usd_per_mtok: null, cost: 0.03 }
    const [worked] = workedLines([{ ...searches, cost_nano: '30000000' }])
    expect(worked).toMatchObject({ rate: 0.01, per: 'piece', count: 3 })
  })

  it('keeps a kind nobody has a word for', () => {
    expect(workedLines([{ ...line, kind: 'video' }])[0]).toMatchObject({
      label: null,
      kind: 'video',
    })
  })
})

describe('the time of a call', () => {
  it.each([
    [4000, 1000, ['waiting 1000', 'streaming 3000']],
    [4000, null, ['whole 4000']],
    [800, 900, ['whole 800']],
    [null, null, []],
  ])('%s ms, first token after %s', (duration_ms, ttft_ms, told) => {
    expect(
      stages({ duration_ms, ttft_ms }).map(({ stage, ms }) => `${stage} ${String(ms)}`),
    ).toEqual(told)
  })

  it('gives a pace only where something streamed', () => {
    expect(pace({ duration_ms: 4000, ttft_ms: 1000, output_tokens: 600 })).toBe(200)
    expect(pace({ duration_ms: 4000, ttft_ms: null, output_tokens: 600 })).toBeNull()
    expect(pace({ duration_ms: 1050, ttft_ms: 1000, output_tokens: 600 })).toBeNull()
  })
})

describe('how a call ended', () => {
  it.each([
    [{ status_code: 200 }, '200', 'ok'],
    [{ status_code: null }, 'ok', 'ok'],
    [{ status_code: 429, success: false, failed_by: 'upstream' }, '429 upstream', 'bad'],
    [{ status_code: 499, success: false, failed_by: 'client' }, '499 client', 'warn'],
    [{ status_code: null, success: false, failed_by: null }, 'Failed', 'bad'],
  ])('%o', (known, text, tone) => {
    expect(statusText(call('1', known))).toBe(text)
    expect(statusTone(call('1', known))).toBe(tone)
  })
})

describe('what is found', () => {
  it.each([
    ['204670888902135811', { kind: 'call', id: '204670888902135811' }],
    ['http://host/requests?range=7d&r=2046708889', { kind: 'call', id: '2046708889' }],
    [
      '7393F38A-39b3-5145-97eb-cb2e70d40efc',
      { kind: 'session', id: '7393f38a-39b3-5145-97eb-cb2e70d40efc' },
    ],
    ['harbor', null],
    ['12', null],
  ])('%s', (text, found) => {
    expect(findable(text)).toEqual(found)
  })
})

describe('the scrubber', () => {
  const span = (from: string, to: string) => ({ start: new Date(from), end: new Date(to) })
  const day = span('2026-11-20T00:00', '2026-11-21T00:00')

  it('is finer the shorter the range', () => {
    expect(scrubGrain(day)).toBe('hour')
    expect(scrubGrain(span('2026-11-01T00:00', '2026-12-01T00:00'))).toBe('day')
    expect(scrubGrain(span('2024-01-01T00:00', '2026-12-01T00:00'))).toBe('week')
  })

  it('has a bucket for every hour and says which ones a stretch covers', () => {
    const start = new Date('2026-11-20T14:00').toISOString()
    const buckets = scrubBuckets(day, 'hour', [{ start, calls: 7, error_calls: 2 }])
    expect(buckets).toHaveLength(24)
    expect(buckets[14]).toMatchObject({ calls: 7, errors: 2 })
    expect(covered(buckets, span('2026-11-20T14:00', '2026-11-20T16:00'))).toEqual([14, 15])
    expect(covered(buckets, null)).toBeNull()
    expect(covered(buckets, span('2026-12-20T14:00', '2026-12-20T16:00'))).toBeNull()
  })
})

describe('sorting', () => {
  it('reads an address and writes it again', () => {
    expect(sortText(parseSort('-cost'))).toBe('-cost')
    expect(sortText(parseSort('tokens'))).toBe('tokens')
    expect(sortText(parseSort('colour'))).toBe('-time')
    expect(sortText(parseSort(null))).toBe('-time')
  })

  it('puts the largest first, then turns round', () => {
    const cost = pressed(parseSort(null), 'cost')
    expect(sortText(cost)).toBe('-cost')
    expect(sortText(pressed(cost, 'cost'))).toBe('cost')
  })
})

describe('views', () => {
  it('keep filters, replace their namesake, and go', () => {
    savedViews.save(' failures ', '?f=success%3Afalse&r=7&range=7d')
    savedViews.save('failures', '?f=status%3A429')
    expect(savedViews.all).toEqual([{ name: 'failures', search: '?f=status%3A429' }])
    expect(localStorage.getItem('ccledger.views')).toContain('status')
    savedViews.remove('failures')
    expect(savedViews.all).toEqual([])
  })

  it('forget which call was open', () => {
    expect(viewSearch('?f=status%3A429&r=7&at=x')).toBe('?f=status%3A429')
  })
})

it('leads to the calls of a key with the filters that are set', () => {
  const own = { field: 'access_token' as const, value: 'k7', exclude: false }
  const search = requestsSearch('?range=7d&tab=usage&f=model%3Aopus', [own])
  expect([...new URLSearchParams(search)]).toEqual([
    ['range', '7d'],
    ['f', 'model:opus'],
    ['f', 'access_token:k7'],
  ])
})
