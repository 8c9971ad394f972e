import { expect, it } from 'vitest'
import { matching, type Command } from './commands'

const command = (text: string, note = ''): Command => ({
  id: text,
  group: 'palette.go',
  text,
  note,
  run: () => undefined,
})
const all = [command('Usage'), command('harbor-api', '~/work'), command('harbor-web', '~/play')]

it('finds what holds every word, in name or note', () => {
  expect(matching(all, '')).toEqual(all)
  expect(matching(all, 'HARBOR').map(({ id }) => id)).toEqual(['harbor-api', 'harbor-web'])
  expect(matching(all, 'play harb').map(({ id }) => id)).toEqual(['harbor-web'])
  expect(matching(all, 'nothing')).toEqual([])
})
