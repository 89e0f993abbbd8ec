"""How messages reach a worker: Celery's own way through Redis, and no slot of a worker is lost.

A worker takes no more messages than it has slots. Celery's own gives the slot of a finished task
back only once the broker has noted that it is finished: where the broker hangs at that moment the
slot is gone, and a worker that has lost all of them waits for ever, alive and idle.
"""

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import QoS


class Slots(redis.QoS):
    """What is with this worker. A message that could not be noted comes once more: it is a bell."""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except BaseException:
            QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except BaseException:
            QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    QoS: Any = Slots


class Transport(redis.Transport):
    Channel: Any = Channel
