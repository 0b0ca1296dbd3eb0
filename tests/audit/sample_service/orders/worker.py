"""Sends queued orders to the warehouse."""

import json
import logging
import os
import time

import redis
import requests

log = logging.getLogger(__name__)


def send(order):
    answer = requests.post(os.environ["ORDERS_WAREHOUSE_URL"], json=order, timeout=10)
    answer.raise_for_status()


def main():
    logging.basicConfig(level=logging.INFO)
    store = redis.Redis.from_url(os.environ["ORDERS_REDIS_URL"])
    while True:
        _, body = store.blpop("orders")
        try:
            send(json.loads(body))
        except Exception as error:
            log.error("order failed: %s", error)
            time.sleep(1)


if __name__ == "__main__":
    main()
