"""A queue that many threads use at once keeps every message."""

import subprocess
import sys

from conftest import ROOT

# A message is sent at the very moment at which another one's deletion has walked through the queue.
_SEND_DURING_DELETE = """
import sys, threading
if "with" in sys.argv:
    import extension.sqs_atomic
    extension.sqs_atomic.install()
from ministack.services import sqs

url = sqs._act_create_queue({"QueueName": "q"}, "")["QueueUrl"]
send = lambda: sqs._act_send_message({"MessageBody": "kept"}, url)
send()
queue = sqs._get_q(url)

class Watched(list):
    sender = None
    def __iter__(self):
        yield from list.__iter__(self)
        if self.sender is None:
            self.sender = threading.Thread(target=send)
            self.sender.start()
            self.sender.join(0.5)

taken = sqs._receive_messages_for_esm(url, 1)
queue["messages"] = watched = Watched(queue["messages"])
sqs._delete_messages_for_esm(url, {taken[0]["receipt_handle"]})
watched.sender.join()
print(len(queue["messages"]))
"""


def _messages_left(*arguments: str) -> int:
    output = subprocess.run(
        [sys.executable, "-c", _SEND_DURING_DELETE, *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return int(output.stdout)


def test_a_message_that_is_sent_during_a_delete_stays() -> None:
    assert _messages_left("with") == 1


def test_upstream_still_loses_it() -> None:
    assert _messages_left() == 0
