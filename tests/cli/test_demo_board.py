"""A demo that a person watches in a terminal: the board's address first, and the board stays until Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

SHORT = "from streams.cli import demo; demo.SHOW_SECONDS = 2; demo.demo()"


def test_the_board_comes_first_and_stays_until_ctrl_c(tmp_path):
    controller, terminal = pty.openpty()
    environment = {**os.environ, "LIVEPOOL_WEB": "on", "LIVEPOOL_WEB_PORT": "0", "LANG": "C", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", SHORT, "--events", "800", "--home", str(tmp_path / "demo")],
        env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    until = time.monotonic() + 60
    while b"until you press Ctrl-C" not in shown:
        assert time.monotonic() < until, shown
        if select.select([controller], [], [], 0.2)[0]:
            shown += os.read(controller, 65536)
    address = re.match(rb"live board: (http://\S+/)\r\n", shown)[1].decode()
    with urlopen(f"{address}api/v1/rooms", timeout=20) as response:
        assert response.status == 200
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    os.close(controller)
