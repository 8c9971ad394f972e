"""Starts the gateways that are compared, each in its own process before the same upstream; it asks them nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.gateway.rig import GATEWAY_CORE, MODEL, PATIENCE, Rig, Target, cpu_of_family, on_core, settle
from tests.journeys.server import address_of

PEERS = Path(__file__).parents[1] / "peers"
LITELLM, PORTKEY = "1.106.2", "1.15.2"
ADMIN_KEY = "bench-administrator-key-0123456789"
PORTKEY_DEFECT = "updateHeaders(e,t,a){return e.headers.append("
PORTKEY_MENDED = "updateHeaders(e,t,a){return e=new Response(e.body,e),e.headers.append("
"""As installed, it fails on every stream: 'TypeError: immutable'."""
SECRET = "sk-ant-api03-bench-0123456789"


class Unavailable(Exception):
    """Why a gateway can't be measured here."""


@dataclass(frozen=True)
class Running:
    """A gateway that answers."""

    name: str
    version: str
    pid: int
    target: Target
    exact: bool
    """Whether it promises to pass answers byte by byte."""

    def cpu(self) -> float:
        """Seconds of CPU that it has used, with what it still does about calls that have ended."""
        settle(self.pid)
        return cpu_of_family(self.pid)


@contextmanager
def started(command: Sequence[str], ready: Callable[[], bool], **how: Any) -> Generator[int]:
    """A process on the gateways' core, from the moment on that it is ready."""
    with subprocess.Popen(on_core(GATEWAY_CORE, command), **how) as process:
        try:
            deadline = time.monotonic() + PATIENCE * 2
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Unavailable(f"{command[0]} did not start")
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port: int) -> Callable[[], bool]:
    """Tells whether somebody listens on a port."""

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    return ready


# nginx


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@contextmanager
def nginx(rig: Rig) -> Generator[Running]:
    """A reverse proxy that does nothing else."""
    program = shutil.which("nginx")
    if program is None:
        raise Unavailable("nginx is not installed (apt-get install nginx-light)")
    port = free_port()
    version = subprocess.run((program, "-v"), capture_output=True, check=True, text=True).stderr.strip()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, upstream=rig.port, port=port))
        with started((program, "-p", folder, "-c", str(config)), answers(port), stderr=subprocess.DEVNULL) as pid:
            yield Running("nginx", version.rpartition("/")[2], pid, Target(port), exact=True)


# ccledger


class Ledger:
    """What is on the ledger of a running ccledger, asked over HTTP."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: HTTPConnection | None = None

    def json(self, path: str) -> Any:
        """An answer of the API, over a connection that is kept."""
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        self._connection.request("GET", f"/api/v1/{path}", headers={"X-Admin-Key": ADMIN_KEY})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        return json.loads(body)

    def calls(self) -> int:
        """How many calls it holds."""
        return self.json("stats/query?days=2")["totals"]["calls"]

    def wait_for(self, calls: int) -> int:
        """Waits until so many calls are on it and tells how many there are."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.calls()) < calls and time.monotonic() < deadline:
            time.sleep(0.2)
        return found


@dataclass(frozen=True)
class Ours(Running):
    """A running ccledger."""

    ledger: Ledger
    issue: Callable[[str], dict[str, Any]]
    """Issues one more key, by the command line."""


@contextmanager
def ccledger(rig: Rig, program: Sequence[str] = (sys.executable, "-m", "ccledger")) -> Generator[Ours]:
    """The real server with everything on: a key with limits that are too high to matter, an account, a ledger."""
    with tempfile.TemporaryDirectory(prefix="ccledger-gateway-") as name:
        folder = Path(name)
        for each in ("home", "data", "claude"):
            (folder / each).mkdir(mode=0o700)
        own = {
            "HOME": str(folder / "home"),
            "CCLEDGER_DATA_DIR": str(folder / "data"),
            "CLAUDE_CONFIG_DIR": str(folder / "claude"),
            "CCLEDGER_ADMIN_KEY": ADMIN_KEY,
        }
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | own

        def do(*words: str, given: str = "") -> str:
            command = (*program, *words)
            done = subprocess.run(command, env=environment, input=given, capture_output=True, check=True, text=True)
            return done.stdout

        version = do("--version").split()[-1]
        limits = ("--rpm", "100000000", "--tpm", "1000000000000", "--concurrency", "100000")

        def issue(name: str) -> dict[str, Any]:
            return json.loads(do("token", "create", "--name", name, *limits, "--json"))

        key = issue("bench")["token"]
        url = f"http://127.0.0.1:{rig.port}"
        do("account", "add", "--name", "up", "--type", "api-key", "--base-url", url, "--api-key-stdin", given=SECRET)
        serve = on_core(GATEWAY_CORE, (*program, "serve", "--no-browser", "--port", "0"))
        with subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                port = int(address_of(process).rpartition(":")[2])
                target = Target(port, headers={"x-api-key": key})
                yield Ours("ccledger", version, process.pid, target, exact=True, ledger=Ledger(port), issue=issue)
            finally:
                process.terminate()
                process.wait(PATIENCE)


# LiteLLM


LITELLM_CONFIG = """
model_list:
  - model_name: {model}
    litellm_params:
      model: anthropic/{model}
      api_base: http://127.0.0.1:{upstream}
      api_key: {secret}
general_settings:
  master_key: sk-bench-0123456789
litellm_settings:
  telemetry: false
"""


def install_litellm() -> Path:
    """LiteLLM's program, in an environment of its own."""
    where = PEERS / "litellm"
    program = where / "bin" / "litellm"
    if not program.exists():
        sys.stdout.write(f"installing LiteLLM {LITELLM} into {where}\n")
        try:
            subprocess.run((sys.executable, "-m", "venv", str(where)), check=True)
            pip = (str(where / "bin" / "pip"), "install", "--quiet", f"litellm[proxy]=={LITELLM}")
            subprocess.run(pip, check=True, capture_output=True)
        except (subprocess.CalledProcessError, OSError):
            shutil.rmtree(where, ignore_errors=True)
            raise Unavailable(f"LiteLLM {LITELLM} can't be installed here") from None
    return program


@contextmanager
def litellm(rig: Rig) -> Generator[Running]:
    """LiteLLM's proxy with one worker and a key, without a database; it leaves no record of calls."""
    program, port = install_litellm(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(LITELLM_CONFIG.format(model=MODEL, upstream=rig.port, secret=SECRET))
        command = (str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
        quiet = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        told = {"env": os.environ | quiet | {"HOME": folder}, "cwd": folder}
        with started(command, answers(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **told) as pid:
            yield Running(
                "LiteLLM", LITELLM, pid, Target(port, headers={"x-api-key": "sk-bench-0123456789"}), exact=False
            )


# Portkey


def install_portkey() -> Path:
    """Portkey's gateway, mended so that it can stream."""
    where = PEERS / "portkey"
    built = where / "node_modules" / "@portkey-ai" / "gateway" / "build"
    mended = built / "start-mended.mjs"
    if not (built / "start-server.js").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("Portkey needs Node.js and npm")
        sys.stdout.write(f"installing Portkey {PORTKEY} into {where}\n")
        where.mkdir(exist_ok=True)
        package = f"@portkey-ai/gateway@{PORTKEY}"
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(where))
        done = subprocess.run((npm, "install", *quiet, package), capture_output=True, check=False)
        if done.returncode:
            raise Unavailable(f"Portkey {PORTKEY} can't be installed here")
    code = (built / "start-server.js").read_text("utf-8")
    if PORTKEY_DEFECT not in code:
        raise Unavailable("Portkey's code is not what it was")
    mended.write_text(code.replace(PORTKEY_DEFECT, PORTKEY_MENDED), "utf-8")
    return mended


@contextmanager
def portkey(rig: Rig) -> Generator[Running]:
    """Portkey's gateway as it comes, without its console."""
    program, port = install_portkey(), free_port()
    node = shutil.which("node") or "node"
    headers = {
        "x-portkey-provider": "anthropic",
        "x-portkey-custom-host": f"http://127.0.0.1:{rig.port}/v1",
        "x-api-key": SECRET,
        "authorization": f"Bearer {SECRET}",
    }
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = (node, str(program), f"--port={port}", "--headless")
    with started(
        command, answers(port), env=os.environ | {"PORT": str(port), "NODE_ENV": "production"}, **quiet
    ) as pid:
        yield Running("Portkey", PORTKEY, pid, Target(port, headers=headers), exact=False)
