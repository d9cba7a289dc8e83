"""A worker reads whole messages where files are the broker, however fast they come."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty

from kombu import Connection

import config.celery  # noqa: F401  (names the broker)

MESSAGES = 500


def test_no_message_is_read_before_it_is_written(tmp_path: Path) -> None:
    folders = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), str(tmp_path))

    def put() -> None:
        with Connection("filesystem://", transport_options=folders) as connection:
            queue = connection.SimpleBuffer("jobs")
            for number in range(MESSAGES):
                queue.put({"number": number})
                time.sleep(0.001)  # or the reader never catches up

    sender = threading.Thread(target=put)
    got: list[int] = []
    with Connection("filesystem://", transport_options=folders) as connection:
        # Bound before the sender starts: kombu keeps bindings for the whole process, so a second
        # thread takes this one's for made while its file is not yet written.
        queue = connection.SimpleBuffer("jobs")
        sender.start()
        is_last = False
        while not is_last:
            is_last = not sender.is_alive()
            with suppress(Empty):
                while True:
                    got.append(queue.get_nowait().payload["number"])
    assert sorted(got) == list(range(MESSAGES))
