// A blocking script of its own: the theme must be set before the first paint, and the content
// security policy allows no inline script.
;(function () {
  var choice = 'system'
  try {
    choice = localStorage.getItem('ccledger.theme') || 'system'
  } catch {
    // Storage may be forbidden; the system's theme is then the only choice.
  }
  var dark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
})()
