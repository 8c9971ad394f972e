/** A connection that does what the test says; all that were opened are kept in order. */
export class FakeSocket {
  static opened: FakeSocket[] = []
  static get last(): FakeSocket {
    const socket = FakeSocket.opened.at(-1)
    if (!socket) throw new Error('no connection was opened')
    return socket
  }

  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  closed = false
  sent: string[] = []
  readonly url: string

  constructor(url: string) {
    this.url = url
    FakeSocket.opened.push(this)
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(): void {
    this.closed = true
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}
