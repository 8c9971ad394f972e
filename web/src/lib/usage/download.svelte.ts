import { ApiError } from '$lib/api/client'

export type DownloadState =
  | { kind: 'idle' }
  | { kind: 'running'; rows: number; bytes: number }
  | { kind: 'done'; rows: number; bytes: number }
  | { kind: 'failed'; message: string }

const LINE_END = 10

/** Fetches a file piece by piece, says how far it is, and hands it over when it is whole. */
export class Download {
  state = $state.raw<DownloadState>({ kind: 'idle' })
  #stop: AbortController | null = null

  /** Lines that carry no row: a heading, brackets. */
  async run(address: string, name: string, otherLines: number): Promise<void> {
    this.cancel()
    const stop = (this.#stop = new AbortController())
    const received: BlobPart[] = []
    let lines = 0
    let bytes = 0
    const rows = () => Math.max(0, lines - otherLines)
    this.state = { kind: 'running', rows: 0, bytes: 0 }
    try {
      for await (const piece of pieces(address, stop.signal)) {
        received.push(piece)
        bytes += piece.length
        for (const byte of piece) if (byte === LINE_END) lines += 1
        this.state = { kind: 'running', rows: rows(), bytes }
      }
      hand(new Blob(received), name)
      this.state = { kind: 'done', rows: rows(), bytes }
    } catch (error) {
      if (!stop.signal.aborted) this.state = { kind: 'failed', message: said(error) }
    }
  }

  cancel = (): void => {
    this.#stop?.abort()
    this.#stop = null
    this.state = { kind: 'idle' }
  }
}

async function* pieces(
  address: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address, { signal })
  if (!response.ok || !response.body) {
    const body = (await response.json().catch(() => ({}))) as { error?: string }
    throw new ApiError(response.status, body.error ?? response.statusText)
  }
  const reader = response.body.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value
}

function hand(file: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

function said(error: unknown): string {
  return error instanceof ApiError ? error.message : ''
}
