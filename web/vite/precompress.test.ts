// @vitest-environment node
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { compressFolder } from './precompress.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'precompress-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const CODE = Buffer.from('const ledger = 1\n'.repeat(50))

it('writes both forms beside text and leaves fonts alone', () => {
  writeFileSync(join(folder, 'a.js'), CODE)
  writeFileSync(join(folder, 'b.woff2'), CODE)
  compressFolder(folder)
  expect(readdirSync(folder).sort()).toEqual(['a.js', 'a.js.br', 'a.js.gz', 'b.woff2'])
  expect(gunzipSync(readFileSync(join(folder, 'a.js.gz')))).toEqual(CODE)
  expect(brotliDecompressSync(readFileSync(join(folder, 'a.js.br')))).toEqual(CODE)
})

it('tells neither the time nor the system it ran on', () => {
  writeFileSync(join(folder, 'a.js'), CODE)
  compressFolder(folder)
  const header = readFileSync(join(folder, 'a.js.gz')).subarray(4, 10)
  expect([...header]).toEqual([0, 0, 0, 0, 2, 255])
})
