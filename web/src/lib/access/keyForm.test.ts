import { beforeEach, describe, expect, it } from 'vitest'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { key } from '../../testing/calls'
import { claudeLines, openaiLines } from './connect'
import {
  changes,
  EMPTY_KEY,
  formOf,
  isDuration,
  limit,
  list,
  mistakes,
  settingsOf,
} from './keyForm'
import { keyLimits, keyState } from './keyState'

beforeEach(async () => {
  await useLocale('en')
})

it.each([
  ['', null],
  ['60', 60],
  ['100k', 100_000],
  ['1.5m', 1_500_000],
  ['1,000', 1000],
  ['0', undefined],
  ['-3', undefined],
  ['1.5', undefined],
  ['many', undefined],
])('the limit "%s" is %s', (text, expected) => {
  expect(limit(text)).toBe(expected)
})

it.each([
  ['720h', true],
  ['1h30m', true],
  ['30d', true],
  ['2w', true],
  ['30', false],
  ['0h', false],
  ['a week', false],
])('the duration "%s": %s', (text, expected) => {
  expect(isDuration(text)).toBe(expected)
})

it('reads lists however they are typed, each once', () => {
  expect(list('claude-*\n claude-opus-5, claude-*,')).toEqual(['claude-*', 'claude-opus-5'])
})

describe('the form of a key', () => {
  it('says which fields mean nothing', () => {
    expect(mistakes({ ...EMPTY_KEY, ips: 'home', requests: 'x' })).toEqual([
      'name',
      'ips',
      'requests',
    ])
    expect(mistakes({ ...EMPTY_KEY, name: 'ci', ips: '10.0.0.0/8\n::1' })).toEqual([])
  })

  it('comes back as it was', () => {
    const ci = key('ci', { models: ['claude-*'], requests_per_minute: 60, note: 'nightly' })
    expect(settingsOf(formOf(ci))).toMatchObject({
      name: 'ci',
      models: ['claude-*'],
      requests_per_minute: 60,
      tokens_per_minute: null,
      note: 'nightly',
    })
  })

  it('sends what was changed and nothing else; an emptied limit is taken away', () => {
    const before = settingsOf(formOf(key('ci', { requests_per_minute: 60 })))
    expect(changes(before, { ...before })).toEqual({})
    expect(changes(before, { ...before, requests_per_minute: null, ips: ['::1'] })).toEqual({
      requests_per_minute: null,
      ips: ['::1'],
    })
  })
})

describe('a key', () => {
  const now = Date.parse('2026-11-20T12:00:00Z')

  it('is valid until it ends', () => {
    expect(keyState(key('a'), now)).toBe('valid')
    expect(keyState(key('a', { expires_at: '2026-11-20T12:00:01Z' }), now)).toBe('valid')
    expect(keyState(key('a', { expires_at: '2026-11-20T12:00:00Z' }), now)).toBe('expired')
    expect(keyState(key('a', { revoked_at: '2026-11-19T12:00:00Z' }), now)).toBe('revoked')
  })

  it('says what holds it back', () => {
    expect(keyLimits(key('a'))).toEqual([])
    expect(keyLimits(key('a', { tokens_per_minute: 400_000, ips: ['::1'] }))).toEqual([
      '400K Tokens/min',
      '1 address',
    ])
  })
})

it('points clients at the gateway', () => {
  expect(claudeLines('http://h:1', 'ccl-x')).toBe(
    'export ANTHROPIC_BASE_URL=http://h:1\nexport ANTHROPIC_AUTH_TOKEN=ccl-x',
  )
  expect(openaiLines('http://h:1', 'ccl-x')).toContain('OPENAI_BASE_URL=http://h:1/v1\n')
})
