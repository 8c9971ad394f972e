import { beforeEach, describe, expect, it } from 'vitest'
import { router } from '$lib/router/router.svelte'
import { asked } from './asked.svelte'

const params = () => Object.fromEntries(new URLSearchParams(router.search))

beforeEach(() => {
  router.go('requests', '?range=2026-11-01..2026-11-07')
})

describe('what the page asks', () => {
  it('is the range, in whole days, newest first', () => {
    expect(asked.query).toMatchObject({
      from_date: '2026-11-01',
      to_date: '2026-11-07',
      sort: '-time',
    })
  })

  it('is narrowed by a stretch, which a filter keeps and a second press lets go', () => {
    asked.chooseWithin({ start: new Date('2026-11-03T08:00'), end: new Date('2026-11-03T10:00') })
    asked.setFilter('status', '429')
    expect(params()).toMatchObject({
      within: '2026-11-03T08:00..2026-11-03T10:00',
      f: 'status:429',
    })
    expect(asked.query.from_date).toBe(new Date('2026-11-03T08:00').toISOString())
    asked.chooseWithin(null)
    expect(asked.query).toMatchObject({ from_date: '2026-11-01', status: '429' })
  })

  it('leaves a stretch behind when another range is looked at', () => {
    router.go(
      'requests',
      '?range=2026-11-01..2026-11-07&within=2026-10-03..2026-10-03&at=2026-10-03T08:00:00Z',
    )
    expect([asked.within, asked.at]).toEqual([null, null])
    expect(asked.query.from_date).toBe('2026-11-01')
  })

  it('has one value of a field, and keeps what only sums know', () => {
    router.go('requests', '?f=-model%3Aa&f=user%3Amira')
    asked.setFilter('user', 'wen')
    asked.setFilter('mode', 'api')
    expect(new URLSearchParams(router.search).getAll('f')).toEqual([
      'user:wen',
      'mode:api',
      '-model:a',
    ])
    asked.dropLastFilter()
    expect(asked.filters).toEqual([{ field: 'user', value: 'wen' }])
    expect(asked.left.map(({ value }) => value)).toEqual(['a'])
  })

  it('forgets a jump as soon as something else is asked', () => {
    asked.jump(new Date('2026-11-05T10:30:00Z'))
    expect(asked.at?.toISOString()).toBe('2026-11-05T10:30:00.000Z')
    asked.chooseSort({ column: 'cost', down: true })
    expect(asked.at).toBeNull()
    expect(asked.query.sort).toBe('-cost')
  })
})

it('goes from call to call without leaving steps behind', () => {
  const before = history.length
  asked.open('7')
  asked.open('8')
  expect(asked.call).toBe('8')
  expect(history.length - before).toBe(1)
  asked.close()
  expect(params()).not.toHaveProperty('r')
})
