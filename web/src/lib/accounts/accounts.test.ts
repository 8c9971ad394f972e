import { describe, expect, it } from 'vitest'
import { account } from '../../testing/calls'
import {
  EMPTY_ACCOUNT,
  formOf,
  isMoved,
  mistakes,
  secretOf,
  settingsOf,
  wishOf,
} from './accountForm'
import { coolsFor, windowParts, successRate, usedShare, windowTone } from './accountState'

const typed = { ...EMPTY_ACCOUNT, name: ' main ', secret: ' sk-1 ' }

describe('the form of an account', () => {
  it('names the secret as its route does', () => {
    expect(wishOf('api-key', typed)).toMatchObject({ name: 'main', api_key: 'sk-1' })
    expect(wishOf('oauth', { ...typed, refresh: 'rt' })).toMatchObject({
      access_token: 'sk-1',
      refresh_token: 'rt',
    })
    expect(wishOf('oauth', typed)).not.toHaveProperty('refresh_token')
    expect(wishOf('session-key', { ...typed, organization: 'o1' })).toMatchObject({
      session_key: 'sk-1',
      organization_id: 'o1',
    })
  })

  it('says which fields mean nothing', () => {
    expect(mistakes(EMPTY_ACCOUNT, true)).toEqual(['name', 'secret'])
    const odd = { ...typed, baseUrl: 'api', weight: '0', priority: '-1', concurrency: 'x' }
    expect(mistakes(odd, true)).toEqual(['baseUrl', 'weight', 'priority', 'concurrency'])
    expect(mistakes({ ...typed, secret: '' }, false)).toEqual([])
  })

  it('takes the secret anew for another host', () => {
    const before = { ...typed, baseUrl: 'https://api.anthropic.com', proxyUrl: 'http://me@p:1' }
    expect(isMoved(before, { ...before, baseUrl: 'https://api.anthropic.com:443/x' })).toBe(false)
    expect(isMoved(before, { ...before, proxyUrl: 'http://me:new@p:1' })).toBe(false)
    expect(isMoved(before, { ...before, proxyUrl: '' })).toBe(false)
    expect(isMoved(before, { ...before, baseUrl: 'https://other.example' })).toBe(true)
    expect(isMoved({ ...before, proxyUrl: '' }, before)).toBe(true)
    expect(secretOf('oauth', { ...typed, refresh: ' rt ' })).toEqual({
      access_token: 'sk-1',
      refresh_token: 'rt',
    })
    expect(secretOf('api-key', { ...typed, secret: ' ' })).toEqual({})
  })

  it('comes back as it was', () => {
    const known = account('a1', {
      weight: 3,
      priority: 2,
      concurrency: 20,
      proxy_url: 'http://p:1',
    })
    expect(settingsOf(formOf(known))).toEqual({
      name: 'a1',
      base_url: 'https://api.anthropic.com',
      proxy_url: 'http://p:1',
      billing: 'api',
      weight: 3,
      priority: 2,
      concurrency: 20,
    })
  })
})

describe('the state of an account', () => {
  const now = Date.parse('2026-11-20T12:00:00Z')
  const cooling = (until: string | null) => {
    const known = account('a1')
    return { ...known, state: { ...known.state, cooldown_until: until } }
  }

  it('counts down and never below nothing', () => {
    expect(coolsFor(cooling('2026-11-20T12:00:30Z'), now)).toBe(30_000)
    expect(coolsFor(cooling('2026-11-20T11:00:00Z'), now)).toBe(0)
    expect(coolsFor(cooling(null), now)).toBe(0)
  })

  it('knows windows by their beginning', () => {
    expect(['five_hour', 'seven_day_opus', 'requests'].map(windowParts)).toEqual([
      { length: 'five_hour', rest: '' },
      { length: 'seven_day', rest: 'opus' },
      { length: null, rest: 'requests' },
    ])
  })

  it('warns before a window is used up', () => {
    const share = (used: number | null) =>
      usedShare({ window: 'five_hour', used_percentage: used, resets_at: null, status: '' })
    expect([null, 20, 85, 140].map(share)).toEqual([null, 0.2, 0.85, 1])
    expect([null, 0.2, 0.85, 1].map(windowTone)).toEqual(['ok', 'ok', 'warn', 'bad'])
  })

  it('has no rate before its first call', () => {
    expect(successRate(account('a1'))).toBeNull()
    expect(successRate(account('a1', { success_count: 3, error_count: 1 }))).toBe(0.75)
  })
})
