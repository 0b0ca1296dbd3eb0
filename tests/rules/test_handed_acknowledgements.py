"""Acknowledgements that a queue hands along with the message, and that are called whether the work went well or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

QUEUE = """
import logging
from functools import partial

from google.cloud.pubsub_v1 import SubscriberClient

log = logging.getLogger(__name__)


class Inbox:
    def __init__(self):
        self.subscriber = SubscriberClient()

    def settle(self, receipt):
        {settle}
        log.debug("settled %s", receipt)

    def __iter__(self):
        while True:
            for message in self.subscriber.pull(subscription="orders", max_messages=5).received_messages:
                yield message.data, {"finished": {handed}}
"""
WORK = """
from inbox import Inbox


def book(order):
    print(order)


def work(order, finished=lambda: None):
    try:
        book(order)
    {arm}


def main():
    for order, more in Inbox():
        work(order, **more)


if __name__ == "__main__":
    main()
"""
SETTLES = 'self.subscriber.acknowledge(subscription="orders", ack_ids=[receipt])'
HANDED = "partial(self.settle, message.ack_id)"
FINAL = "finally:\n        finished()"


def _confidences(root: Path, settle: str = SETTLES, handed: str = HANDED, arm: str = FINAL) -> list[str]:
    queue = QUEUE.replace("{settle}", settle).replace("{handed}", handed)
    found = said(root, "ack-before-work", {"inbox.py": queue, "work.py": WORK.replace("{arm}", arm)})
    return [f.confidence for f in found if "stands for" in f.message]


def test_what_settles_a_message_in_a_finally_loses_those_that_failed(tmp_path: Path) -> None:
    assert _confidences(tmp_path / "a") == ["certain"]
    inner = "finally:\n        try:\n            finished()\n        except Exception:\n            print('not settled')"
    assert _confidences(tmp_path / "b", arm=inner) == ["certain"]
    taken = "except Exception:\n        print('failed')\n    " + FINAL  # an arm decides that it is done with
    assert _confidences(tmp_path / "c", arm=taken) == ["likely"]


@pytest.mark.parametrize(
    "changed",
    [
        {"arm": "except ValueError:\n        print('broken')\n    else:\n        finished()"},  # only after the work
        {"arm": "except Exception:\n        dead.reject(order)\n    " + FINAL},
        {"settle": "print(receipt)"},  # it settles nothing
        {"handed": "partial(print, message.ack_id)"},
        {"settle": "self.subscriber.pull(receipt)\n        self.subscriber.acknowledge(receipt)"},  # it does more than that
    ],
)
def test_other_ways_to_finish_a_message(tmp_path: Path, changed: dict[str, str]) -> None:
    assert not _confidences(tmp_path, **changed)
