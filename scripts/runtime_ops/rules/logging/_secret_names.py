"""What a name alone says of the value: that it is the secret itself, an address that carries one, a code for one use."""

from __future__ import annotations

import re

from runtime_ops.libraries.credentials import secret_like, words_of

# how a name that holds the secret itself ends; what follows is a quality of it (``token_count``, ``password_route``)
ENDINGS = frozenset(
    """password passwd passphrase passwort pwd secret token key apikey jwt otp totp authorization bearer dsn pepper connstr
    str string accesskey secretkey authkey privatekey""".split()
)
FORMS = frozenset("value raw plain plaintext text encoded decoded".split())
"""Words after the ending that leave it what it is."""
OWN_WORDS = frozenset(
    """log masked redacted safe hidden obfuscated hashed public fake dummy invalid csrf page paging pagination next previous cursor
    resumption continuation sync scroll delta cancel cancellation idempotency""".split()
)
"""A word in the name that says that the secret is taken out, or that it is none."""
SWITCHES = frozenset("has is no use new_line permit allow enable require needs".split())
"""First words of a flag: ``permit_tokens``, ``enable_password``."""
ABOUT = frozenset("by with via create permit allow".split())
"""Words before the ending that make the name one of a way or a right: ``login_by_token``, ``may_create_token``."""
ADDRESSES = frozenset(
    """amqp_url apprise_url broker_url celery_broker_url celery_result_backend connection_string connection_url conn_url
    database_uri database_url db_uri db_url dsn http_proxy https_proxy mongo_uri mongo_url mongodb_uri mongodb_url mysql_url
    notification_url postgres_dsn postgres_url postgresql_url proxy_url rabbitmq_url redis_url rtsp_url slack_webhook
    discord_webhook teams_webhook smtp_url sqlalchemy_database_uri sqlalchemy_url webhook_url browser_ws_endpoint""".split()
)
CONTENT = frozenset("prompt question transcript conversation".split())
"""How names end that hold what a person wrote in their own words."""
PASSWORDS = frozenset({"password", "passwd", "passphrase", "passwort", "pwd"})
WHOLE = frozenset("jwt apikey authorization bearer accesskey secretkey authkey privatekey".split())
"""Words that name a credential by themselves."""
QUALIFIERS = frozenset(
    """access api auth oauth refresh bearer private signing encryption jwt bot login session reset invite invitation verification hmac
    admin credential app client webhook shared consumer""".split()
)
"""Words before the ending that say whose or what for: ``api_key``, ``reset_token``. A ``service_key`` may be a name."""
ONE_TIME = frozenset("otp totp".split())
MADE_SECRET = frozenset("notification apprise slack discord teams".split())
"""Services whose address is the credential: whoever has it can write there."""


def names_credential(name: str) -> bool:
    """Whether the name alone says that it is a credential: a password, or a key or token with a word that says what it opens."""
    words = words_of(name.rpartition(".")[2])
    own = set(words)
    if own & PASSWORDS or words[-1] in WHOLE:
        return True
    return bool(own & QUALIFIERS) or ("secret" in own and words[-1] != "secret") or (words[-2:] == ("id", "token"))


def holds_secret(name: str) -> bool:
    """Whether what has this name is the secret itself: ``db_password``, ``raw_token`` yes, ``token_teams`` no."""
    if re.search(r"(?i)^(?:\w+\.)*(?:session_?key|(?:cache|sort|group|primary|foreign|row|object|dict|map)_?key)$", name):
        return False  # an id
    words = [w for w in words_of(name) if not w.isdigit()]
    while words and words[-1] in FORMS:
        words.pop()
    if (
        not words
        or words[-1] not in ENDINGS
        or set(words) & OWN_WORDS
        or words[0] in SWITCHES
        or set(words[-2:-1]) & ABOUT
    ):
        return False
    return secret_like("_".join(words))


def is_address(name: str) -> bool:
    """Whether an address by this name carries a password or token as a rule; one or a list of them."""
    text = "_".join(words_of(name))
    singular = text.removesuffix("s")
    return any(text.endswith(a) or singular.endswith(a) for a in ADDRESSES) and not set(words_of(name)) & OWN_WORDS
