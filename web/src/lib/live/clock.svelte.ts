/** The time as state, moved on by the second and only while somebody looks. */
class Clock {
  now = $state(Date.now())

  run(): () => void {
    const timer = setInterval(() => {
      if (!document.hidden) this.now = Date.now()
    }, 1000)
    return () => {
      clearInterval(timer)
    }
  }
}

export const wallClock = new Clock()
