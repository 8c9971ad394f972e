import { expect, it } from 'vitest'
import { relativePath } from './path'

it.each([
  ['http://host/', 'http://host/', ''],
  ['http://host/?range=7d', 'http://host/', ''],
  ['http://host/usage/', 'http://host/', 'usage'],
  ['http://host/ledger/usage', 'http://host/ledger/', 'usage'],
  ['http://host/ledger/', 'http://host/ledger/', ''],
])('%s under %s is "%s"', (href, base, path) => {
  expect(relativePath(href, base)).toBe(path)
})
