#!/bin/sh
# Prints the browser the tests drive. `--install` first installs Chromium where that needs no question: as root on a
# machine with apt. Prints nothing when there is none; the browser tests then skip, or fail with REQUIRE_BROWSER=1.
set -u

find_browser() {
  if [ -n "${CHROMIUM:-}" ]; then
    command -v "$CHROMIUM" && return
    echo "CHROMIUM=$CHROMIUM is not a program" >&2
  fi
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return
  done
  for app in Chromium "Google Chrome"; do
    if [ -x "/Applications/$app.app/Contents/MacOS/$app" ]; then
      echo "/Applications/$app.app/Contents/MacOS/$app"
      return
    fi
  done
  return 1
}

find_browser && exit 0
packages="chromium fonts-noto-cjk"
if [ "${1:-}" = --install ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "browser: installing $packages" >&2
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >&2 </dev/null
  find_browser && exit 0
fi
echo "browser: none found, so the browser tests cannot run. Debian, Ubuntu: apt-get install -y $packages" >&2
