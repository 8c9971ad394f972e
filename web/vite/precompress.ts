import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg', '.json', '.txt'])
const GZIP_OS_BYTE = 9
const GZIP_OS_UNKNOWN = 255

/** Writes a .gz and a .br beside every compressible file, so that the server never compresses. */
export function precompress(): Plugin {
  let outDir = ''
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      outDir = config.build.outDir
    },
    closeBundle() {
      compressFolder(outDir)
    },
  }
}

export function compressFolder(folder: string): void {
  for (const file of compressibleFiles(folder)) {
    const bytes = readFileSync(file)
    writeFileSync(`${file}.gz`, gzip(bytes))
    writeFileSync(`${file}.br`, brotli(bytes))
  }
}

function compressibleFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => COMPRESSIBLE.has(extname(name)))
    .map((name) => join(folder, name))
}

/** zlib stamps the operating system into the header; a fixed value keeps builds byte-identical. */
function gzip(bytes: Buffer): Buffer {
  const out = gzipSync(bytes, { level: 9 })
  out[GZIP_OS_BYTE] = GZIP_OS_UNKNOWN
  return out
}

function brotli(bytes: Buffer): Buffer {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
}
