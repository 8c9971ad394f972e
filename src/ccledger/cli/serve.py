"""`ccledger serve`: the server in the foreground; it prints one line when it answers."""

import sys

import click

from ccledger.cli.options import place_options, settings_from


@click.command()
@click.option("--host", metavar="ADDRESS", help="Listen on this address (default 127.0.0.1).")
@click.option("--port", metavar="NUMBER", help="Listen on this port (default 51888, 0: any free one).")
@click.option("--no-browser", is_flag=True, help="Do not open the dashboard in a browser.")
@place_options
def serve(
    host: str | None, port: str | None, no_browser: bool, data_dir: str | None, claude_dirs: tuple[str, ...]
) -> None:
    """Import your history, keep up with it, and show it live in the browser. Ctrl-C ends it."""
    from ccledger import app

    settings, surroundings = settings_from(host=host, port=port, data_dir=data_dir, claude_dirs=claude_dirs)

    def announce(address: str) -> None:
        print(f"ready {address}", flush=True)
        if not no_browser and sys.stdout.isatty():
            _open_browser(address)

    app.serve(settings, surroundings, announce)


def _open_browser(address: str) -> None:
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
