/** Runs a job when asked, never twice at once and never sooner than the gap after the last start. */
export class Refresher {
  readonly #run: () => Promise<unknown>
  readonly #gap: () => number
  #startedAt = -Infinity
  #busy = false
  #wanted = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(run: () => Promise<unknown>, gap: () => number) {
    this.#run = run
    this.#gap = gap
  }

  request(): void {
    this.#wanted = true
    this.#schedule()
  }

  stop(): void {
    this.#wanted = false
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    if (!this.#wanted || this.#busy || this.#timer !== undefined) return
    const wait = this.#startedAt + this.#gap() - performance.now()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        void this.#start()
      },
      Math.max(0, wait),
    )
  }

  async #start(): Promise<void> {
    this.#wanted = false
    this.#busy = true
    this.#startedAt = performance.now()
    try {
      await this.#run()
    } finally {
      this.#busy = false
      this.#schedule()
    }
  }
}
