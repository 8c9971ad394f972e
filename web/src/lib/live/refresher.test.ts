import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Refresher } from './refresher'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const GAP = 250

it('runs at once when nothing ran lately', async () => {
  const run = vi.fn(() => Promise.resolve())
  new Refresher(run, () => GAP).request()
  await vi.advanceTimersByTimeAsync(0)
  expect(run).toHaveBeenCalledTimes(1)
})

it('runs at most four times a second, and once more for the last request', async () => {
  const run = vi.fn(() => Promise.resolve())
  const refresher = new Refresher(run, () => GAP)
  for (let ms = 0; ms < 990; ms += 10) {
    refresher.request()
    await vi.advanceTimersByTimeAsync(10)
  }
  expect(run).toHaveBeenCalledTimes(4)
  await vi.advanceTimersByTimeAsync(1000)
  expect(run).toHaveBeenCalledTimes(5)
})

it('has one run in flight and does not forget what came meanwhile', async () => {
  let finish = () => {}
  const run = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
  const refresher = new Refresher(run, () => GAP)
  refresher.request()
  await vi.advanceTimersByTimeAsync(0)
  refresher.request()
  await vi.advanceTimersByTimeAsync(5000)
  expect(run).toHaveBeenCalledTimes(1)
  finish()
  await vi.advanceTimersByTimeAsync(0)
  expect(run).toHaveBeenCalledTimes(2)
})

it('goes on after a failure', async () => {
  const run = vi.fn(() => Promise.reject(new Error('no answer')))
  const refresher = new Refresher(
    () => run().catch(() => {}),
    () => GAP,
  )
  refresher.request()
  await vi.advanceTimersByTimeAsync(GAP)
  refresher.request()
  await vi.advanceTimersByTimeAsync(GAP)
  expect(run).toHaveBeenCalledTimes(2)
})

it('stops', async () => {
  const run = vi.fn(() => Promise.resolve())
  const refresher = new Refresher(run, () => GAP)
  refresher.request()
  refresher.stop()
  await vi.advanceTimersByTimeAsync(1000)
  expect(run).not.toHaveBeenCalled()
})
