import { beforeAll, describe, expect, it } from 'vitest'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { overview, totals } from '../../testing/ledger'
import { burnNote, callsNote, costLabel, costNote, costTag, tokensNote } from './figures'

beforeAll(() => useLocale('en'))

const today = totals({ calls: 10, total_cost_nano: '12000000000', equivalent_cost_nano: '0' })
const yesterday = totals({ calls: 8, total_cost_nano: '10000000000' })

describe('the line under a figure', () => {
  it('signs the change and names its base', () => {
    expect(costNote(overview({ today, yesterday_same_time: yesterday }))).toBe(
      '+20% vs same time yesterday',
    )
  })

  it('says how much of a mixed bill is not really spent', () => {
    const mixed = { ...today, equivalent_cost_nano: '4000000000' }
    expect(
      costNote(overview({ billing: 'mixed', today: mixed, yesterday_same_time: yesterday })),
    ).toBe('+20% vs same time yesterday · $4.00 of it API-equivalent')
  })

  it('counts failed calls only when there are some', () => {
    const note = (failed: number) =>
      callsNote(
        overview({ today: { ...today, error_calls: failed }, yesterday_same_time: yesterday }),
      )
    expect(note(0)).toBe('+25% vs same time yesterday')
    expect(note(2)).toBe('2 failed · +25% vs same time yesterday')
  })

  it('gives the share read from cache', () => {
    expect(tokensNote(totals({ total_tokens: 9, cache_hit_rate: 0.9134 }))).toBe(
      '91.3% of input read from cache',
    )
    expect(tokensNote(totals())).toBe('none today yet')
  })

  it('projects the day, or tells the pace where it cannot', () => {
    const burn = { window_minutes: 60, cost_nano_per_hour: '1', tokens_per_minute: 81_000 }
    expect(burnNote({ ...burn, projected_day_cost_nano: '93400000000' })).toBe(
      'on pace for $93.40 today',
    )
    expect(burnNote({ ...burn, projected_day_cost_nano: null })).toBe('81.0K Tokens per minute')
  })
})

it('labels what a subscriber does not really pay', () => {
  expect(costTag('subscription')).toBe('API-equivalent')
  expect(costTag('api')).toBe('')
  expect(costLabel('subscription')).toBe('API-equivalent today')
  expect(costLabel('mixed')).toBe('Cost today')
})
