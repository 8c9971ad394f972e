import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '$lib/api/transport'
import { useLocale } from '$lib/i18n/i18n.svelte'
import { nameOf } from '$lib/usage/names'
import { call, key } from '../../testing/calls'
import { Action } from './action.svelte'
import { createGateway } from './api'
import { partyNames } from './partyNames.svelte'

let sent: Request[]
let answer: () => Response

beforeEach(async () => {
  await useLocale('en')
  sent = []
  answer = () => Response.json({})
  vi.stubGlobal('fetch', (request: Request) => {
    sent.push(request)
    return Promise.resolve(answer())
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the gateway', () => {
  const gateway = createGateway('http://host/ledger')

  it('asks under the prefix it is served at, and says what changes as JSON', async () => {
    await gateway.changeKey('a/b', { concurrency: null })
    expect(sent[0]?.method).toBe('PUT')
    expect(sent[0]?.url).toBe('http://host/ledger/api/v1/token/a%2Fb/settings')
    expect(await sent[0]?.json()).toEqual({ concurrency: null })
  })

  it('adds each kind of account where it belongs', async () => {
    await gateway.addAccount('session-key', { name: 'x', session_key: 's' })
    expect(sent[0]?.url).toBe('http://host/ledger/api/v1/account/sessionkey')
  })

  it('exports exactly what is asked', () => {
    const address = new URL(gateway.requestsAddress('jsonl', { status: '429', sort: '-time' }))
    expect(address.pathname).toBe('/ledger/api/v1/logs/requests/export')
    expect(Object.fromEntries(address.searchParams)).toEqual({
      format: 'jsonl',
      status: '429',
      sort: '-time',
    })
  })

  it('says what the server said', async () => {
    answer = () => Response.json({ error: 'Invalid password' }, { status: 401 })
    const refused = gateway.signIn({ password: 'x' })
    await expect(refused).rejects.toEqual(new ApiError(401, 'Invalid password'))
  })

  it('takes an answer without a body for a yes', async () => {
    answer = () => new Response(null, { status: 204 })
    await expect(gateway.signOut()).resolves.toEqual({})
  })
})

describe('an action', () => {
  it('runs once at a time and keeps what went wrong', async () => {
    const action = new Action()
    const first = action.run(() => Promise.reject(new ApiError(409, 'The name is taken.')))
    expect(await action.run(() => Promise.resolve())).toBe(false)
    expect(await first).toBe(false)
    expect(action.failure).toBe('The name is taken.')
    expect(await action.run(() => Promise.resolve())).toBe(true)
    expect(action.failure).toBe('')
  })

  it('says when nobody answers', async () => {
    const action = new Action()
    await action.run(() => Promise.reject(new TypeError('network')))
    expect(action.failure).toContain('Is ccledger still running?')
  })
})

it('learns what keys and accounts are called', () => {
  expect(nameOf('access_token', 'k7').text).toBe('k7')
  partyNames.learnKeys([key('k7', { name: 'laptop' })])
  partyNames.learnCalls([call('1', { account_id: 'a1', account_name: 'main' })])
  expect(nameOf('access_token', 'k7').text).toBe('laptop')
  expect(nameOf('account', 'a1').text).toBe('main')
})
