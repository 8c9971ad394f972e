import { expect, it } from 'vitest'
import { changedSearch, relativePath } from './path'

it.each([
  ['http://host/', 'http://host/', ''],
  ['http://host/?range=7d', 'http://host/', ''],
  ['http://host/usage/', 'http://host/', 'usage'],
  ['http://host/ledger/usage', 'http://host/ledger/', 'usage'],
  ['http://host/ledger/', 'http://host/ledger/', ''],
])('%s under %s is "%s"', (href, base, path) => {
  expect(relativePath(href, base)).toBe(path)
})

it('changes what is asked and leaves no lone question mark', () => {
  const set = (name: string, value: string) => (params: URLSearchParams) => {
    params.set(name, value)
  }
  expect(changedSearch('', set('range', '7d'))).toBe('?range=7d')
  expect(changedSearch('?a=1&a=2', set('b', '3'))).toBe('?a=1&a=2&b=3')
  expect(
    changedSearch('?a=1', (params) => {
      params.delete('a')
    }),
  ).toBe('')
})
