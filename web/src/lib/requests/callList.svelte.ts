import type { LogQuery, Paging, RequestLog, RequestPage } from '$lib/gateway/types'

export type AskPage = (query: LogQuery & Paging, signal: AbortSignal) => Promise<RequestPage>

/** A stretch of neighbouring rows; those far from the eye are let go and fetched again when needed. */
interface Slot {
  /** Where its first row stands; rows keep their place for as long as the list lives. */
  start: number
  count: number
  rows: readonly RequestLog[] | null
  firstId: string
  lastId: string
}

export interface ListQuestion {
  query: LogQuery
  /** Begin at the last call before this moment, with the newer ones above. */
  at?: Date | null
}

const PAGE = 200
/** The server looks for a short time only: so many answers may hold nothing before a row is found. */
const MOST_LOOKS = 60
/** Rows kept on each side of what is seen. */
const HELD = 600

/**
 * A window over a list of any length: fetches the next page before it is needed and forgets what is far away.
 * By time it follows cursors, in any other order page numbers.
 */
export class CallList {
  readonly #ask: AskPage
  readonly #question: ListQuestion
  readonly #byTime: boolean
  readonly #stop = new AbortController()
  #slots = $state.raw<readonly Slot[]>([])
  /** What is being fetched, by name. */
  #running: readonly string[] = []
  #next: string | null = null
  #previous: string | null = null

  ready = $state(false)
  failure = $state.raw<Error | null>(null)
  total = $state(0)
  totalIsExact = $state(false)
  /** Calls newer than the first row, held back so that nothing moves under the eye. */
  arrived = $state.raw<readonly RequestLog[]>([])

  readonly top = $derived(this.#slots[0]?.start ?? 0)
  readonly bottom = $derived.by(() => {
    const last = this.#slots.at(-1)
    return last ? last.start + last.count : 0
  })
  hasOlder = $state(false)
  hasNewer = $state(false)

  constructor(ask: AskPage, question: ListQuestion) {
    this.#ask = ask
    this.#question = question
    this.#byTime = question.query.sort === undefined || question.query.sort.endsWith('time')
  }

  get held(): number {
    return this.#slots.reduce((sum, slot) => sum + (slot.rows?.length ?? 0), 0)
  }

  /** The first page; a place in the middle also brings the page before it. */
  async begin(): Promise<void> {
    const { at } = this.#question
    const query = at ? { ...this.#question.query, to_date: at.toISOString() } : this.#question.query
    await this.#once('begin', async () => {
      const page = await this.#fetch({ ...query, limit: PAGE })
      this.#append(await this.#more(page))
      this.total = page.total
      this.totalIsExact = page.total_is_exact
      if (at) this.#previous = this.#slots[0]?.firstId ?? null
      this.#mark()
      this.ready = true
    })
  }

  stop(): void {
    this.#stop.abort()
  }

  /** The rows from one place to another; undefined where one has to be waited for. */
  rows(from: number, to: number): (RequestLog | undefined)[] {
    const slots = this.#slots.filter((slot) => slot.start < to && slot.start + slot.count > from)
    return Array.from({ length: Math.max(0, to - from) }, (_, at) => {
      const slot = slots.find((each) => inside(each, from + at))
      return slot?.rows?.[from + at - slot.start]
    })
  }

  row(at: number): RequestLog | undefined {
    return this.rows(at, at + 1)[0]
  }

  /** Where a call stands, if it is held. */
  placeOf(id: string): number | null {
    for (const slot of this.#slots) {
      const at = slot.rows?.findIndex((row) => row.id === id) ?? -1
      if (at >= 0) return slot.start + at
    }
    return null
  }

  /** Sees to it that these rows, and a page around them, are there. */
  need(from: number, to: number): void {
    if (!this.ready || this.failure) return
    for (const slot of this.#slots) {
      const near = slot.start < to + PAGE && slot.start + slot.count > from - PAGE
      if (near && !slot.rows) void this.#refetch(slot)
    }
    if (this.hasOlder && to + PAGE > this.bottom) void this.#older()
    if (this.hasNewer && from - PAGE < this.top) void this.#newer()
    this.#forget(from, to)
  }

  retry(): void {
    this.failure = null
    if (!this.ready) void this.begin()
  }

  /** Asks what came since the first row; only a list that begins with the newest can know. */
  async look(): Promise<void> {
    const first = this.arrived[0]?.id ?? this.#slots[0]?.firstId
    if (!this.ready || this.hasNewer || !this.#byTime || this.arrived.length >= PAGE) return
    if (!first) {
      this.ready = false
      await this.begin()
      return
    }
    await this.#once('look', async () => {
      const page = await this.#fetch({ ...this.#question.query, before: first, limit: PAGE })
      this.arrived = [...page.logs, ...this.arrived]
    })
  }

  /** Puts what arrived on top; rows that are there keep their places. */
  take(): void {
    const rows = this.arrived
    if (rows.length === 0) return
    this.arrived = []
    this.total += rows.length
    this.#slots = [slotOf(rows, this.top - rows.length), ...this.#slots]
  }

  async #older(): Promise<void> {
    await this.#once('older', async () => {
      const way = this.#byTime ? { after: this.#next ?? '' } : { page: this.#slots.length }
      const page = await this.#fetch({ ...this.#question.query, ...way, limit: PAGE })
      this.#append(await this.#more(page))
      this.#mark()
    })
  }

  async #newer(): Promise<void> {
    await this.#once('newer', async () => {
      for (let looks = 0; this.#previous && looks < MOST_LOOKS; looks += 1) {
        const before = this.#previous
        const page = await this.#fetch({ ...this.#question.query, before, limit: PAGE })
        this.#previous = page.previous
        if (page.logs.length === 0) continue
        this.#slots = [slotOf(page.logs, this.top - page.logs.length), ...this.#slots]
        break
      }
      this.#mark()
    })
  }

  async #refetch(slot: Slot): Promise<void> {
    await this.#once(`slot ${String(slot.start)}`, async () => {
      const first = await this.#fetch({ ...this.#question.query, ...this.#wayTo(slot) })
      const page = await this.#more(first, slot.count)
      this.#slots = this.#slots.map((each) =>
        each.start === slot.start ? { ...each, rows: page.logs.slice(0, each.count) } : each,
      )
    })
  }

  #wayTo(slot: Slot): Paging {
    const at = this.#slots.findIndex((each) => each.start === slot.start)
    if (!this.#byTime) return { page: at, limit: PAGE }
    const above = this.#slots[at - 1]
    if (above) return { after: above.lastId, limit: slot.count }
    return { before: this.#slots[at + 1]?.firstId ?? '', limit: slot.count }
  }

  #append(page: RequestPage): void {
    if (page.logs.length > 0) this.#slots = [...this.#slots, slotOf(page.logs, this.bottom)]
    this.#next = page.next
    const more = this.bottom - this.top < page.total && page.logs.length > 0
    this.hasOlder = this.#byTime ? page.next !== null : more
  }

  #mark(): void {
    this.hasNewer = this.#byTime && this.#previous !== null
  }

  /** Goes on where an answer ended early, until there is a page or nothing more. */
  async #more(page: RequestPage, wanted = 1): Promise<RequestPage> {
    let { logs, next } = page
    for (let looks = 0; this.#byTime && next && logs.length < wanted; looks += 1) {
      if (looks === MOST_LOOKS) break
      const further = await this.#fetch({ ...this.#question.query, after: next, limit: PAGE })
      logs = [...logs, ...further.logs]
      next = further.next
    }
    return { ...page, logs, next }
  }

  #forget(from: number, to: number): void {
    const far = (slot: Slot) => slot.start > to + HELD || slot.start + slot.count < from - HELD
    if (!this.#slots.some((slot) => slot.rows && far(slot))) return
    this.#slots = this.#slots.map((slot) => (far(slot) ? { ...slot, rows: null } : slot))
  }

  #fetch(query: LogQuery & Paging): Promise<RequestPage> {
    return this.#ask(query, this.#stop.signal)
  }

  async #once(name: string, job: () => Promise<void>): Promise<void> {
    if (this.#running.includes(name)) return
    this.#running = [...this.#running, name]
    try {
      await job()
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.failure = error instanceof Error ? error : new Error(String(error))
    } finally {
      this.#running = this.#running.filter((each) => each !== name)
    }
  }
}

function inside(slot: Slot, at: number): boolean {
  return at >= slot.start && at < slot.start + slot.count
}

function slotOf(rows: readonly RequestLog[], start: number): Slot {
  return {
    start,
    count: rows.length,
    rows,
    firstId: rows[0]?.id ?? '',
    lastId: rows.at(-1)?.id ?? '',
  }
}
