import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Download } from './download.svelte'

let saved: { name: string; text: Promise<string> }[]

beforeEach(() => {
  saved = []
  const kept = new Map<string, Blob>()
  vi.spyOn(URL, 'createObjectURL').mockImplementation((file) => {
    kept.set('blob:x', file as Blob)
    return 'blob:x'
  })
  vi.spyOn(URL, 'revokeObjectURL').mockReturnValue()
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    saved.push({ name: this.download, text: kept.get('blob:x')?.text() ?? Promise.resolve('') })
  })
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** An answer that comes piece by piece, each when the test lets it. */
function slowly(pieces: string[]): { next: () => void; response: Response } {
  let give: (() => void) | undefined
  const left = [...pieces]
  const body = new ReadableStream<Uint8Array>({
    pull: (control) =>
      new Promise<void>((resolve) => {
        give = () => {
          const piece = left.shift()
          if (piece === undefined) control.close()
          else control.enqueue(new TextEncoder().encode(piece))
          resolve()
        }
      }),
  })
  return { next: () => give?.(), response: new Response(body) }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('a download', () => {
  it('counts calls while they come and hands over the whole', async () => {
    const { next, response } = slowly(['id\n1\n', '2\n3\n'])
    vi.stubGlobal('fetch', () => Promise.resolve(response))
    const download = new Download()
    const done = download.run('/x', 'calls.csv', 1)
    await settle()
    next()
    await settle()
    expect(download.state).toEqual({ kind: 'running', rows: 1, bytes: 5 })
    next()
    await settle()
    next()
    await done
    expect(download.state).toEqual({ kind: 'done', rows: 3, bytes: 9 })
    expect(saved.map(({ name }) => name)).toEqual(['calls.csv'])
    expect(await saved[0]?.text).toBe('id\n1\n2\n3\n')
  })

  it('that is cancelled saves nothing', async () => {
    vi.stubGlobal(
      'fetch',
      (_: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new DOMException('', 'AbortError'))
          })
        }),
    )
    const download = new Download()
    const done = download.run('/x', 'calls.csv', 1)
    expect(download.state.kind).toBe('running')
    download.cancel()
    await done
    expect(download.state).toEqual({ kind: 'idle' })
    expect(saved).toEqual([])
  })

  it('that is refused says why', async () => {
    const refusal = Response.json({ error: 'start_date is a date' }, { status: 400 })
    vi.stubGlobal('fetch', () => Promise.resolve(refusal))
    const download = new Download()
    await download.run('/x', 'calls.csv', 1)
    expect(download.state).toEqual({ kind: 'failed', message: 'start_date is a date' })
  })
})
