"""Takes orders and puts them on the queue."""

import json
import os

import redis
import requests
from flask import Flask, request

app = Flask(__name__)
store = redis.Redis.from_url(os.environ["ORDERS_REDIS_URL"])


@app.post("/orders")
def take_order():
    order = request.get_json()
    print("order received", order["id"])
    stock = requests.get(f"{os.environ['ORDERS_STOCK_URL']}/items/{order['item']}").json()
    if stock["left"] < 1:
        return {"error": "sold out"}, 409
    store.rpush("orders", json.dumps(order))
    return {"status": "queued"}, 202


@app.get("/healthz")
def healthz():
    return "ok"
