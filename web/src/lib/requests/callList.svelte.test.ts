import { beforeEach, describe, expect, it } from 'vitest'
import { FakeLog } from '../../testing/calls'
import { CallList } from './callList.svelte'

let log: FakeLog
let list: CallList

const settled = () => new Promise((resolve) => setTimeout(resolve))
const ids = (from: number, to: number) => list.rows(from, to).map((call) => Number(call?.id))

async function needed(from: number, to: number): Promise<void> {
  list.need(from, to)
  await settled()
}

beforeEach(async () => {
  log = new FakeLog(5000)
  list = new CallList(log.ask, { query: { sort: '-time' } })
  await list.begin()
})

describe('a list by time', () => {
  it('begins with the newest call', () => {
    expect([list.top, list.bottom, list.total]).toEqual([0, 200, 5000])
    expect(ids(0, 3)).toEqual([5000, 4999, 4998])
    expect(list.hasNewer).toBe(false)
  })

  it('asks for the next page before its end is seen, and once', async () => {
    list.need(20, 60)
    list.need(21, 61)
    await settled()
    expect(log.asked).toEqual(['first', 'after=4801'])
    expect(ids(199, 201)).toEqual([4801, 4800])
  })

  it('holds a thousand rows, however far one goes, and fetches again what it let go', async () => {
    for (let at = 0; at < 4000; at += 100) await needed(at, at + 40)
    expect(list.held).toBeLessThanOrEqual(1800)
    expect(list.row(0)).toBeUndefined()
    await needed(0, 40)
    await needed(0, 40)
    expect(ids(0, 2)).toEqual([5000, 4999])
    expect(ids(200, 202)).toEqual([4800, 4799])
  })

  it('ends where the log ends', async () => {
    log = new FakeLog(250)
    list = new CallList(log.ask, { query: {} })
    await list.begin()
    await needed(150, 190)
    expect(list.bottom).toBe(250)
    expect(list.hasOlder).toBe(false)
  })

  it('holds back what arrives until it is taken, and moves no row', async () => {
    log.newest = 5003
    await list.look()
    await list.look()
    expect(list.arrived.map(({ id }) => id)).toEqual(['5003', '5002', '5001'])
    expect(ids(0, 1)).toEqual([5000])
    list.take()
    expect(list.arrived).toEqual([])
    expect(list.top).toBe(-3)
    expect(ids(-3, 1)).toEqual([5003, 5002, 5001, 5000])
    expect(list.total).toBe(5003)
  })

  it('finds the first call after none', async () => {
    log = new FakeLog(0)
    list = new CallList(log.ask, { query: {} })
    await list.begin()
    expect([list.ready, list.bottom]).toEqual([true, 0])
    log.newest = 1
    await list.look()
    expect(ids(0, 1)).toEqual([1])
  })

  it('jumps into the middle and goes both ways from there', async () => {
    list = new CallList(log.ask, { query: {}, at: new Date('2026-11-20T08:00:00Z') })
    await list.begin()
    expect(ids(0, 1)).toEqual([2500])
    expect(list.hasNewer).toBe(true)
    await needed(0, 40)
    expect(list.top).toBe(-200)
    expect(ids(-1, 1)).toEqual([2501, 2500])
  })

  it('says that a page is missing and goes on when told to', async () => {
    log.failing = true
    await needed(100, 140)
    expect(list.failure?.message).toBe('gone')
    log.failing = false
    list.retry()
    await needed(100, 140)
    expect(list.bottom).toBe(400)
  })

  it('goes on where the server had no time to find a row', async () => {
    log = new FakeLog(5000)
    log.hurried = 3
    list = new CallList(log.ask, { query: {} })
    await list.begin()
    expect(ids(0, 1)).toEqual([5000])
    expect(log.asked).toEqual(['first', 'after=later', 'after=later', 'after=later'])
  })

  it('knows where a call stands', () => {
    expect(list.placeOf('4990')).toBe(10)
    expect(list.placeOf('17')).toBeNull()
  })
})

describe('a list in another order', () => {
  it('follows page numbers and takes nothing in', async () => {
    list = new CallList(log.ask, { query: { sort: '-cost' } })
    log.asked = []
    await list.begin()
    await needed(150, 190)
    await list.look()
    expect(log.asked).toEqual(['first', 'page=1'])
    expect(list.hasNewer).toBe(false)
    expect(ids(199, 201)).toEqual([4801, 4800])
  })
})
