"""Starts and ends the server in the background: what `make start`, `stop`, `logs`, `dev` and `clean-ports` do.

Where a Docker engine runs, start and stop drive Docker Compose (DOCKER=0 says not to); elsewhere a pid file remembers
one process of this checkout. A process is only ever signalled after its command line was found to be ours.
Needs nothing but the standard library, so that `make stop` works while the environment is broken.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("CCLEDGER_DATA_DIR") or ROOT / ".make").expanduser().absolute()
LOG = STATE / "server.log"
SERVER_PID = STATE / "server.pid"
DEV_PIDS = STATE / "dev.pid"
CCLEDGER = ROOT / ".venv" / "bin" / "ccledger"
VITE = ROOT / "web" / "node_modules" / ".bin" / "vite"
PORT = int(os.environ.get("CCLEDGER_PORT") or 51888)
WEB_PORT = 51173
PATIENCE = 60.0


def main() -> None:
    """Do the verb named on the command line."""
    verbs = {
        "start": start,
        "stop": stop,
        "logs": logs,
        "dev": dev,
        "build": build_image,
        "clean-ports": clean_ports,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        sys.exit(f"usage: service.py {{{','.join(verbs)}}}")
    verbs[sys.argv[1]]()


# The verbs


def start() -> None:
    """Start the server and return once it answers."""
    if running(SERVER_PID):
        print(f"already running (process {running(SERVER_PID)[0]})")
    elif docker_runs():
        prepare_environment_file()
        compose("up", "--detach", "--build", "--wait")
        print(f"running in Docker: http://127.0.0.1:{PORT}")
    else:
        start_here()


def start_here() -> None:
    """Start a background process of this checkout."""
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with LOG.open("wb") as log:
        server = subprocess.Popen(
            [CCLEDGER, "serve", "--no-browser"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    SERVER_PID.write_text(f"{server.pid}\n")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        address = ready_address()
        if address and healthy(address):
            print(f"running (process {server.pid}): {address}\nlog: {LOG}")
            return
        time.sleep(0.1)
    said = LOG.read_text(errors="replace")[-4000:]
    if server.poll() is None:
        end([server.pid], force=True)
        problem = f"the server did not answer within {PATIENCE:.0f} s"
    else:
        problem = f"the server ended at once with exit code {server.returncode}"
    SERVER_PID.unlink(missing_ok=True)
    sys.exit(f"{said}\n{problem}")


def stop() -> None:
    """Ask the server to finish and wait until it has."""
    ours = running(SERVER_PID)
    if ours:
        if not end(ours, force=False):
            sys.exit(f"process {ours[0]} is still busy after {PATIENCE:.0f} s; see {LOG}, or: make clean-ports")
        print(f"stopped (process {ours[0]})")
    elif docker_runs():
        compose("down")
    else:
        print("not running")
    SERVER_PID.unlink(missing_ok=True)


def logs() -> None:
    """Follow the server's log until interrupted."""
    if not running(SERVER_PID) and docker_runs():
        command = ["docker", "compose", "logs", "--follow", "--tail", "200"]
    elif LOG.exists():
        command = ["tail", "-n", "200", "-f", str(LOG)]
    else:
        sys.exit("there is no log yet: make start")
    os.chdir(ROOT)
    os.execvp(command[0], command)


def dev() -> None:
    """Run server and dashboard, both reloading on change, until interrupted."""
    if not VITE.exists():
        sys.exit("make dev needs web/ with its packages, and Node.js")
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    reload = [str(ROOT / ".venv" / "bin" / "watchfiles"), "--filter", "python"]
    commands = (
        ([*reload, f"{shlex.quote(str(CCLEDGER))} serve --no-browser", str(ROOT / "src" / "ccledger")], ROOT),
        ([str(VITE), "--port", str(WEB_PORT), "--strictPort"], ROOT / "web"),
    )
    signal.signal(signal.SIGTERM, interrupt)
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command, folder in commands:
            children.append(subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True))
        DEV_PIDS.write_text("".join(f"{pid}\n" for pid in (os.getpid(), *(child.pid for child in children))))
        print(f"dashboard: http://127.0.0.1:{WEB_PORT}   API: http://127.0.0.1:{PORT}   Ctrl-C ends both", flush=True)
        while all(child.poll() is None for child in children):
            time.sleep(0.3)
    except KeyboardInterrupt:
        pass
    finally:
        for child in children:
            end_group(child)
        DEV_PIDS.unlink(missing_ok=True)


def build_image() -> None:
    """Build the Docker image, where that is possible."""
    if docker_runs():
        compose("build")
    else:
        print("no Docker engine here: the image was not built")


def clean_ports() -> None:
    """End our own servers that were left behind; say who else holds a port."""
    for pid_file in (DEV_PIDS, SERVER_PID):
        ours = running(pid_file)
        if ours:
            end(ours, force=True)
            print(f"ended {', '.join(map(str, ours))}")
        pid_file.unlink(missing_ok=True)
    for port in (PORT, WEB_PORT):
        with socket.socket() as probe:
            probe.settimeout(1)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        print(f"port {port}: " + ("used by a program that is not ours, left alone" if taken else "free"))


# Processes


def running(pid_file: Path) -> list[int]:
    """Return the processes a pid file names that are alive and ours."""
    if not pid_file.exists():
        return []
    return [int(word) for word in pid_file.read_text().split() if word.isdigit() and is_ours(int(word))]


def is_ours(pid: int) -> bool:
    """Whether a process is this checkout's server or one of its development servers."""
    said = command_line(pid)
    return any(mine in said for mine in (f"{CCLEDGER} serve", str(VITE), "scripts/service.py dev"))


def command_line(pid: int) -> str:
    """Return a process's command line; nothing when it is gone."""
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def end(pids: list[int], *, force: bool) -> bool:
    """Send SIGTERM and wait; with `force`, end what is left. Return whether all are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if wait_gone(pids, 10.0 if force else PATIENCE):
        return True
    for pid in pids if force else ():
        if is_ours(pid):
            os.kill(pid, signal.SIGKILL)
    return wait_gone(pids, 5.0) if force else False


def wait_gone(pids: list[int], seconds: float) -> bool:
    """Wait until none of our processes is left."""
    deadline = time.monotonic() + seconds
    while any(is_ours(pid) for pid in pids):
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child of `dev` with everything it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(8)
            return


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


# Is it up?


def ready_address() -> str:
    """Return the address from the server's own `ready http://...` line, or nothing yet."""
    for line in LOG.read_text(errors="replace").splitlines():
        if line.startswith("ready http"):
            scheme, _, rest = line.split()[1].partition("://")
            return f"{scheme}://{rest.split('/')[0]}"
    return ""


def healthy(address: str) -> bool:
    """Whether the server answers its health check."""
    # The server is on this machine: a proxy from the environment must not get in between.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/api/v1/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


# Docker


def docker_runs() -> bool:
    """Whether a Docker engine and Compose are here and wanted."""
    if os.environ.get("DOCKER") == "0" or not shutil.which("docker"):
        return False
    return quiet("docker", "compose", "version") and quiet("docker", "info")


def quiet(*command: str) -> bool:
    """Whether a command succeeds."""
    return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0


def compose(*arguments: str) -> None:
    """Run Docker Compose in this checkout."""
    done = subprocess.run(["docker", "compose", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def prepare_environment_file() -> None:
    """Make `.env` from the example, with the owner of the Claude directory, when there is none."""
    target = ROOT / ".env"
    if target.exists():
        return
    text = (ROOT / ".env.example").read_text()
    for empty, filled in (
        ("#CCLEDGER_UID=1000", f"CCLEDGER_UID={os.getuid()}"),
        ("#CCLEDGER_GID=1000", f"CCLEDGER_GID={os.getgid()}"),
    ):
        text = text.replace(empty, filled)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    print("made .env; change it as you like")


if __name__ == "__main__":
    main()
