import { beforeEach, expect, it } from 'vitest'
import { theme } from './theme.svelte'

beforeEach(() => {
  localStorage.clear()
  theme.follow()()
})

it('starts with the system and goes round', () => {
  const seen = [1, 2, 3].map(() => {
    theme.next()
    return theme.choice
  })
  expect(seen).toEqual(['light', 'dark', 'system'])
})

it('remembers, and tells the page at once', () => {
  theme.next()
  theme.next()
  expect(localStorage.getItem('ccledger.theme')).toBe('dark')
  expect(document.documentElement.dataset['theme']).toBe('dark')
})
