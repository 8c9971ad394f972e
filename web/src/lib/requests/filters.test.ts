import { expect, it } from 'vitest'
import { parameters, readFilters, sharedFilters } from './filters'

it('reads what a list of calls can apply and leaves what only sums know', () => {
  const { applied, left } = readFilters([
    'model:claude-opus-5',
    '-project:/p/a',
    'model:claude-sonnet-5',
    'status:429',
    'user:',
    'nonsense:1',
    'access_token:k7',
  ])
  expect(applied).toEqual([
    { field: 'model', value: 'claude-opus-5' },
    { field: 'status', value: '429' },
    { field: 'access_token', value: 'k7' },
  ])
  expect(left.map(({ field, value }) => `${field} ${value}`)).toEqual([
    'project /p/a',
    'model claude-sonnet-5',
    'user ',
  ])
})

it('speaks as the request log does', () => {
  const { applied } = readFilters(['access_token:k7', 'account:a1', 'user:mira', 'success:false'])
  expect(parameters(applied)).toEqual({
    token_id: 'k7',
    account_id: 'a1',
    user_name: 'mira',
    success: 'false',
  })
  expect(sharedFilters(applied)).toEqual(['access_token:k7', 'account:a1', 'user:mira'])
})
