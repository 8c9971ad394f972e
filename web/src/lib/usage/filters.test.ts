import { describe, expect, it } from 'vitest'
import { filterText, isWanted, parseFilter, toggled, type Filter } from './filters'

const opus: Filter = { field: 'model', value: 'claude-opus-5', exclude: false }
const noOpus: Filter = { ...opus, exclude: true }
const notes: Filter = { field: 'project', value: '/home/mira/a:b', exclude: true }

describe('the text of a filter', () => {
  it.each([opus, noOpus, notes, { field: 'user', value: '', exclude: false } as Filter])(
    '%o is read and written',
    (filter) => {
      expect(parseFilter(filterText(filter))).toEqual(filter)
    },
  )

  it.each(['', 'model', 'colour:red', ':x', '-'])('"%s" is none', (text) => {
    expect(parseFilter(text)).toBeNull()
  })
})

describe('choosing', () => {
  it('puts in, takes out, and turns around', () => {
    expect(toggled([], opus)).toEqual([opus])
    expect(toggled([opus, notes], opus)).toEqual([notes])
    expect(toggled([opus, notes], noOpus)).toEqual([notes, noOpus])
  })

  it('knows what is wanted', () => {
    expect(isWanted([opus], 'model', 'claude-opus-5')).toBe(true)
    expect(isWanted([noOpus], 'model', 'claude-opus-5')).toBe(false)
    expect(isWanted([opus], 'project', 'claude-opus-5')).toBe(false)
  })
})
