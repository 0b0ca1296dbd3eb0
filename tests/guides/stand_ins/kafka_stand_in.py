"""Runs the guide's Kafka consumer with confluent_kafka's classes replaced: no broker is at hand.

What the loop asks of the broker is written to the file that EVENTS names, one JSON list a line. REFUSE=1: the
dead-letter topic confirms nothing.
"""

import os
import sys
import time

import confluent_kafka
import work_log  # type: ignore[import-not-found]


class Message:
    def __init__(self, offset, value):
        self._offset, self._value = offset, value

    def error(self):
        return None

    def topic(self):
        return "orders"

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def key(self):
        return b"key"

    def value(self):
        return self._value


class Consumer:
    def __init__(self, configuration):
        work_log.say("consumer", {name: value for name, value in configuration.items() if "auto" in name})
        self.waiting = [Message(0, b"one"), Message(1, b""), Message(2, b"three")]

    def subscribe(self, topics):
        work_log.say("subscribe", topics)

    def poll(self, timeout):
        if self.waiting:
            message = self.waiting.pop(0)
            work_log.say("poll", message.offset())
            return message
        time.sleep(min(timeout, 0.2))
        return None

    def commit(self, message, asynchronous):
        work_log.say("commit", message.offset())

    def list_topics(self, topic, timeout):
        return {}

    def close(self):
        work_log.say("close")


class Producer:
    def __init__(self, configuration):
        self.delivery = []

    def produce(self, topic, value, key, headers, on_delivery):
        work_log.say("produce", topic)
        self.delivery.append(on_delivery)

    def flush(self, timeout):
        refused = os.environ.get("REFUSE") == "1"
        for call in self.delivery:
            call(confluent_kafka.KafkaError(confluent_kafka.KafkaError._MSG_TIMED_OUT) if refused else None, None)
        self.delivery = []
        return 0


assert all(hasattr(confluent_kafka.Consumer, name) for name in vars(Consumer) if name[0] != "_")
confluent_kafka.Consumer, confluent_kafka.Producer = Consumer, Producer

if __name__ == "__main__":
    import consumer

    sys.exit(consumer.main())
