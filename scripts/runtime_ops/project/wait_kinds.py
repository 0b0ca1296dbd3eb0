"""What a call waits for: http, database, broker, network, child, thread, lock, event, queue, future, pool, file, server."""

from __future__ import annotations

from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import Wait

TYPE_KINDS = {
    "lock": "lock", "event": "event", "condition": "event", "queue": "queue", "future": "future", "task": "future",
    "thread": "thread", "timer": "thread", "process": "child", "executor": "executor", "cursor": "database",
    "producer": "broker", "consumer": "broker", "browser": "browser", "server": "server", "observer": "thread",
    "scheduler": "thread", "app": "server",
}  # fmt: skip
STDLIB = tuple(
    (prefix, kind)
    for kind, prefixes in (
        ("child", "subprocess. os.wait os.system os.popen asyncio.subprocess asyncio.create_subprocess"),
        (
            "executor",
            "multiprocessing.pool concurrent.futures.ThreadPool concurrent.futures.ProcessPool concurrent.futures.Executor",
        ),
        ("queue", "multiprocessing.queues queue. asyncio.Queue asyncio.PriorityQueue asyncio.LifoQueue"),
        (
            "event",
            "threading.Event threading.Condition threading.Barrier asyncio.Event asyncio.Condition asyncio.Barrier",
        ),
        ("thread", "threading.Thread logging.handlers.QueueListener"),
        (
            "lock",
            "multiprocessing.synchronize threading. _thread. asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore fcntl.",
        ),
        ("server", "asyncio.Server http.server. socketserver. wsgiref."),
        ("network", "asyncio.open asyncio.Stream asyncio.BaseEventLoop.sock select. selectors."),
        ("future", "concurrent.futures. asyncio."),
        ("http", "urllib. http.client. xmlrpc."),
        ("database", "sqlite3."),
        ("file", "dbm. os.write os.read os.open"),
        ("signal", "signal."),
        ("child", "multiprocessing."),
    )
    for prefix in prefixes.split()
)
"""Prefixes of dotted names, the first that fits decides."""
DISTRIBUTIONS = {
    "http": """requests httpx httpx2 aiohttp urllib3 treq tornado pycurl curl_cffi niquests requests-futures requests-toolbelt cachecontrol
        authlib feedparser zeep huggingface_hub openai anthropic cohere litellm mistralai ollama langchain-openai google-genai stripe twilio
        sendgrid slack_sdk pygithub github3.py python-gitlab jira atlassian-python-api simple-salesforce tweepy datadog apprise msal
        kubernetes kubernetes_asyncio docker hvac gql selenium python-telegram-bot minio boto3 botocore s3fs gcsfs fsspec
        google-cloud-storage google-cloud-bigquery google-api-core azure-core azure-storage-blob sentry-sdk influxdb-client
        py-consul python-consul python-etcd grpcio grpclib elasticsearch opensearch-py dulwich gitpython testcontainers trino
        clickhouse-connect twisted""",
    "database": """psycopg psycopg-pool psycopg2-binary asyncpg pymysql aiomysql mysql-connector-python sqlalchemy django peewee pg8000
        pymssql pyodbc oracledb snowflake-connector-python pymongo motor redis valkey cassandra-driver clickhouse-driver neo4j aiosqlite
        pymemcache python-memcached etcd3 ldap3""",
    "broker": """kafka-python aiokafka confluent-kafka pika aio-pika amqp kombu celery rq arq dramatiq huey taskiq nats-py stomp.py
        paho-mqtt pulsar-client google-cloud-pubsub azure-servicebus pyzmq kazoo janus""",
    "lock": "filelock portalocker fasteners",
    "child": "sh plumbum invoke pexpect",
    "file": "watchfiles",
}
_KINDS = {name: kind for kind, names in DISTRIBUTIONS.items() for name in names.split()}
OUTSIDE = frozenset({"http", "database", "broker", "network", "browser"})
"""Kinds that leave the machine or may."""
INSIDE = frozenset({"thread", "lock", "event", "queue", "future", "executor", "child"})
"""Kinds that wait for another thread, task or process of this machine."""


def kind_of(row: Wait, dotted: str) -> str:
    """The kind of thing that a call of ``dotted``, described by ``row``, waits for."""
    if row.distribution == "stdlib":
        name = libraries.canonical(dotted)
        found = next((kind for prefix, kind in STDLIB if name.startswith(prefix)), None)
        if found is not None:
            return found
    known = libraries.type_of(dotted.rpartition(".")[0]) or libraries.type_of(dotted)
    if "process" in dotted and row.distribution in ("anyio", "trio"):
        return "child"
    if row.distribution == "stdlib":
        return TYPE_KINDS.get(known.kind, "network") if known is not None else "network"
    kind = _KINDS.get(row.distribution.lower())
    if known is not None and known.kind in ("lock", "future"):
        return known.kind
    return kind or (TYPE_KINDS.get(known.kind, "network") if known is not None else "network")
