import { expect, it } from 'vitest'
import { readMessage } from './messages'

it('hears that it has missed something', () => {
  expect(readMessage('{"type":"resync","timestamp":"","data":{}}')?.type).toBe('resync')
})

it('reads what it knows', () => {
  const frame = JSON.stringify({ type: 'stats_update', timestamp: '', data: { batch: 1 } })
  expect(readMessage(frame)?.type).toBe('stats_update')
})

it.each([
  '{"type":"pong"}',
  '{"type":"of_a_later_version","data":{}}',
  'not json',
  'null',
  '[]',
  new ArrayBuffer(2),
])('passes over %s', (frame) => {
  expect(readMessage(frame)).toBeNull()
})
