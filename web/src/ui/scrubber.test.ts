import { expect, it } from 'vitest'
import { brushed, moved } from './scrubber'

it('is the same whichever way it was dragged', () => {
  expect(brushed(7, 3)).toEqual([3, 7])
  expect(brushed(3, 7)).toEqual([3, 7])
})

it.each([
  ['the last bar where none is chosen', null, 'ArrowLeft', false, [9, 9]],
  ['moves', [3, 5], 'ArrowRight', false, [4, 6]],
  ['moves back', [3, 5], 'ArrowLeft', false, [2, 4]],
  ['stays at the edge', [0, 5], 'ArrowLeft', false, null],
  ['stays at the other', [3, 9], 'ArrowRight', false, null],
  ['grows', [3, 5], 'ArrowRight', true, [3, 6]],
  ['shrinks', [3, 5], 'ArrowLeft', true, [3, 4]],
  ['keeps one bar', [3, 3], 'ArrowLeft', true, null],
  ['leaves other keys alone', [3, 3], 'Enter', false, null],
] as const)('%s', (_, brush, key, grow, expected) => {
  expect(moved(brush, key, grow, 10)).toEqual(expected)
})
