import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KeyReader } from './shortcuts'

let ran: string[]
let reader: KeyReader

beforeEach(() => {
  ran = []
  const note = (name: string) => () => void ran.push(name)
  reader = new KeyReader(() => ({
    x: note('x'),
    u: note('u'),
    'g u': note('g u'),
    'Mod+k': note('Mod+k'),
  }))
})

afterEach(() => {
  document.body.replaceChildren()
})

function press(
  key: string,
  more: KeyboardEventInit = {},
  on: Element = document.body,
): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
  on.addEventListener(
    'keydown',
    (each) => {
      reader.read(each as KeyboardEvent)
    },
    { once: true },
  )
  on.dispatchEvent(event)
  return event
}

function put(html: string): Element {
  document.body.innerHTML = html
  const first = document.body.firstElementChild
  if (!first) throw new Error('nothing was put')
  return first
}

describe('keys', () => {
  it('do their one thing, and the browser nothing', () => {
    expect(press('x').defaultPrevented).toBe(true)
    expect(press('y').defaultPrevented).toBe(false)
    expect(ran).toEqual(['x'])
  })

  it('in a row mean something of their own', () => {
    press('g')
    press('u')
    press('u')
    expect(ran).toEqual(['g u', 'u'])
  })

  it('with Ctrl or Cmd mean something else', () => {
    press('k', { ctrlKey: true })
    press('K', { metaKey: true })
    press('x', { ctrlKey: true })
    press('x', { altKey: true })
    expect(ran).toEqual(['Mod+k', 'Mod+k'])
  })

  it.each(['<input>', '<textarea></textarea>', '<select></select>'])('are text in %s', (html) => {
    press('x', {}, put(html))
    expect(ran).toEqual([])
  })

  it('still work on switches', () => {
    press('x', {}, put('<input type="radio">'))
    expect(ran).toEqual(['x'])
  })

  it('belong to a dialog while one is open', () => {
    put('<dialog open></dialog>')
    press('x')
    expect(ran).toEqual([])
  })
})
