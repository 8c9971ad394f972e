import { expect, it } from 'vitest'
import { range } from './range.svelte'

it.each([
  ['', '24h'],
  ['?range=7d', '7d'],
  ['?range=99y', '24h'],
])('reads "%s" as %s', (search, value) => {
  range.read(search)
  expect(range.value).toBe(value)
})

it('puts the choice into the address', () => {
  range.choose('7d')
  expect(new URLSearchParams(location.search).get('range')).toBe('7d')
})
