import { beforeEach, describe, expect, it } from 'vitest'
import { localTime } from '$lib/range/period'
import { router } from '$lib/router/router.svelte'
import { view } from './view.svelte'

const opus = { field: 'model', value: 'claude-opus-5', exclude: false } as const

beforeEach(() => {
  router.go('usage', '')
})

describe('the address', () => {
  it('says what is looked at', () => {
    router.go(
      'usage',
      '?range=7d&compare=0&grain=hour&metric=tokens&by=model&f=model:x&f=-user:y&f=nonsense',
    )
    expect(view.period).toBe('7d')
    expect(view.compare).toBe(false)
    expect([view.grain, view.metric, view.stack]).toEqual(['hour', 'tokens', 'model'])
    expect(view.filters).toEqual([
      { field: 'model', value: 'x', exclude: false },
      { field: 'user', value: 'y', exclude: true },
    ])
  })

  it('stays short: what is usual is not said', () => {
    view.choosePeriod('7d')
    view.chooseMetric('calls')
    view.toggleCompare()
    expect(location.search).toBe('?range=7d&metric=calls&compare=0')
    view.choosePeriod('30d')
    view.chooseMetric('cost')
    view.toggleCompare()
    expect(location.search).toBe('')
  })

  it('goes along to other pages', () => {
    view.toggle(opus)
    router.go('settings')
    expect(location.search).toBe('?f=model%3Aclaude-opus-5')
  })
})

it('has nothing to compare all time with', () => {
  view.choosePeriod('all')
  expect(view.compare).toBe(false)
  expect(view.neighbour(-1)).toBeNull()
})

it('leads back from one zoom after another', () => {
  view.choosePeriod('7d')
  view.zoom({ start: localTime('2026-11-03'), end: localTime('2026-11-05') })
  view.zoom({ start: localTime('2026-11-03T10:00'), end: localTime('2026-11-03T12:00') })
  expect(view.period).toEqual({ from: '2026-11-03T10:00', to: '2026-11-03T12:00' })
  expect(view.zoomOut()).toBe(true)
  expect(view.period).toEqual({ from: '2026-11-03', to: '2026-11-04' })
  expect(view.zoomOut()).toBe(true)
  expect(view.period).toBe('7d')
  expect(view.zoomOut()).toBe(false)
})

it('removes the last filter first', () => {
  view.toggle(opus)
  view.toggle({ ...opus, field: 'project', value: '/p' })
  view.dropLastFilter()
  expect(view.filters).toEqual([opus])
  view.dropLastFilter()
  view.dropLastFilter()
  expect(view.filters).toEqual([])
})
