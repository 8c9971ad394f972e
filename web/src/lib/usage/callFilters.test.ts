import { expect, it } from 'vitest'
import { callScope, joined } from './callFilters'
import type { Filter } from './filters'

const scope = { start_date: '2026-11-01', end_date: '2026-11-20', timezone: 'UTC', filter: ['x'] }
const only = (field: Filter['field'], value: string): Filter => ({ field, value, exclude: false })

it('applies one value of what lists know, and says what is left', () => {
  const excluded: Filter = { field: 'model', value: 'b', exclude: true }
  const filters = [only('model', 'a'), only('project', '/p'), only('source', 'gateway'), excluded]
  expect(callScope(scope, filters)).toEqual({
    scope: {
      start_date: '2026-11-01',
      end_date: '2026-11-20',
      timezone: 'UTC',
      model: 'a',
      project: '/p',
    },
    left: [only('source', 'gateway'), excluded],
  })
})

it('does not take a second value for the first', () => {
  const { scope: applied, left } = callScope(scope, [only('model', 'a'), only('model', 'b')])
  expect(applied.model).toBe('a')
  expect(left).toEqual([only('model', 'b')])
})

it('joins what the page and the row ask', () => {
  const row = only('model', 'a')
  expect(joined([row], [row, only('session', 's')])).toEqual([row, only('session', 's')])
})
