"""Runs the guide's RabbitMQ consumer with pika's connection replaced: no broker is at hand.

What the loop asks of the broker is written to the file that EVENTS names, one JSON list a line. REFUSE=1: the broker
does not confirm what is published.
"""

import os
import sys
import time

import pika
import pika.exceptions
import work_log


class Method:
    def __init__(self, delivery_tag):
        self.delivery_tag = delivery_tag


class Channel:
    def queue_declare(self, queue, durable=False, arguments=None):
        work_log.say("declare", queue, arguments)

    def basic_qos(self, prefetch_count):
        work_log.say("qos", prefetch_count)

    def confirm_delivery(self):
        work_log.say("confirm")

    def consume(self, queue, inactivity_timeout):
        properties = pika.BasicProperties
        yield Method(1), properties(message_id="a"), b'{"id": 1}'
        yield Method(2), properties(message_id="b"), b"{}"
        yield Method(3), properties(message_id="c", headers={"attempt": 1}), b"null"
        yield Method(4), properties(message_id="d", headers={"attempt": 3}), b"null"
        while True:
            time.sleep(min(inactivity_timeout, 0.2))
            yield None, None, None

    def basic_ack(self, delivery_tag):
        work_log.say("ack", delivery_tag)

    def basic_nack(self, delivery_tag, requeue):
        work_log.say("nack", delivery_tag, requeue)

    def basic_publish(self, exchange, routing_key, body, properties, mandatory):
        if os.environ.get("REFUSE") == "1":
            raise pika.exceptions.NackError([])
        work_log.say("publish", routing_key, properties.headers, properties.expiration)

    def cancel(self):
        work_log.say("cancel")


class Connection:
    def __init__(self, parameters):
        work_log.say("connect", parameters.heartbeat, parameters.blocked_connection_timeout)
        self.is_open = True

    def channel(self):
        return Channel()

    def close(self):
        self.is_open = False
        work_log.say("close")


assert all(hasattr(pika.adapters.blocking_connection.BlockingChannel, name) for name in vars(Channel) if name[0] != "_")
pika.BlockingConnection = Connection

if __name__ == "__main__":
    import consumer

    sys.exit(consumer.main())
