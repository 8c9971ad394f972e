import { expect, it } from 'vitest'
import { codeIn } from './code'

it.each([
  ['#code=a1B2c3D4', 'a1B2c3D4'],
  ['#x=1&code=a1B2c3-_.', 'a1B2c3-_.'],
  ['#code=<script>', null],
  ['#code=', null],
  ['', null],
])('%s holds %s', (hash, code) => {
  expect(codeIn(hash)).toBe(code)
})
