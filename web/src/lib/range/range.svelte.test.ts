import { expect, it } from 'vitest'
import { router } from '$lib/router/router.svelte'
import { range } from './range.svelte'

it.each([
  ['', '24h'],
  ['?range=7d', '7d'],
  ['?range=99y', '24h'],
])('reads "%s" as %s', (search, value) => {
  router.go('', search)
  expect(range.value).toBe(value)
})

it('puts the choice into the address and leaves the rest of it alone', () => {
  router.go('', '?range=24h&f=model:x')
  range.choose('7d')
  expect(location.search).toBe('?range=7d&f=model%3Ax')
})
