"""Command line of the stand-in: options only; `app.serve` does the work."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from domiq_dagster.runtime import secret_files

from .app import LOOPBACK, StandinError, serve


def main(arguments: list[str] | None = None) -> int:
    """Runs the server until SIGTERM or SIGINT. Gives the exit code: 0 stopped as asked, 2 could not run."""
    parser = argparse.ArgumentParser(
        prog="standin", description="A local stand-in for ResMan's v1 and v2 APIs."
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--host", default=LOOPBACK, help="IPv4 address to listen at")
    parser.add_argument("--seed", type=int, default=1, help="seed of the made-up world")
    parser.add_argument(
        "--state", type=Path, default=None, help="JSON file to load at the start and to save to"
    )
    parser.add_argument("--empty", action="store_true", help="start with properties, but without prospects")
    parser.add_argument(
        "--prospects", type=int, default=1500, help="how many prospects the made-up world has"
    )
    options = parser.parse_args(arguments)
    try:
        secret_files.take_up()
        serve(
            options.port,
            options.seed,
            options.state,
            empty=options.empty,
            prospects=options.prospects,
            host=options.host,
        )
    except (StandinError, secret_files.SecretFileError) as error:
        print(f"The stand-in could not run: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
