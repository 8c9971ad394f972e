import { expect, it } from 'vitest'
import { carried, changedSearch, pageOf, partOf, relativePath } from './path'

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

it('takes along what all pages understand', () => {
  expect(carried('?range=7d&r=12&sort=-cost&f=a&f=b')).toBe('?range=7d&f=a&f=b')
  expect(carried('?r=12')).toBe('')
})

it('tells a page from what of it is looked at', () => {
  expect([pageOf('keys/a%2Fb'), partOf('keys/a%2Fb')]).toEqual(['keys', 'a/b'])
  expect([pageOf('keys'), partOf('keys')]).toEqual(['keys', ''])
  expect([pageOf(''), partOf('')]).toEqual(['', ''])
})
