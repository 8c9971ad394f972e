import { expect, it } from 'vitest'
import { importState } from '../../testing/ledger'
import { elapsedMs, importShare, isImporting } from './progress'

it('goes by bytes', () => {
  const state = importState({ state: 'importing', bytes_done: 25, bytes_total: 100 })
  expect(importShare(state)).toBe(0.25)
})

it('is unknown until the whole is', () => {
  expect(importShare(importState({ state: 'starting', bytes_total: 100 }))).toBeNull()
  expect(importShare(importState({ state: 'importing' }))).toBeNull()
})

it('stays within the bar when files grow meanwhile', () => {
  const state = importState({ state: 'importing', bytes_done: 101, bytes_total: 100 })
  expect(importShare(state)).toBe(1)
})

it.each([
  ['starting', true],
  ['importing', true],
  ['following', false],
  ['failed', false],
] as const)('%s counts as importing: %s', (state, importing) => {
  expect(isImporting(importState({ state }))).toBe(importing)
})

it('counts from its start', () => {
  const state = importState({ started_at: '2026-11-20T09:00:00.000Z' })
  expect(elapsedMs(state, Date.parse('2026-11-20T09:00:07.000Z'))).toBe(7000)
  expect(elapsedMs(importState(), 0)).toBe(0)
})
