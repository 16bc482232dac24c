"""A sending worker as a process of its own: `python -m tests.send.worker URL NODE HOLDER STATE_DIR`; prints its share."""

import asyncio
import sys
from pathlib import Path

from db.engine import open_engine
from mailfleet.acts.send_wave import WaveBusy, send_share
from tests.send.given import KEYS


def main() -> None:
    url, node, holder, state_dir = sys.argv[1:]
    engine = open_engine(url)
    try:
        share = asyncio.run(
            send_share(
                engine, KEYS, node=node, holder=holder, at_most=10_000, seconds=60, state_dir=Path(state_dir)
            )
        )
        print(share.ended)
    except WaveBusy as busy:
        print(busy)


if __name__ == "__main__":
    main()
