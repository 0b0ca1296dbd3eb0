"""Clients of other hosts that wait without limit by default: what each is told for, and what silences it."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

pytestmark = pytest.mark.usefixtures("any_call")

HEAD = "from flask import Flask\napp = Flask(__name__)\n"
VIEW = "@app.get('/a')\ndef a():\n"
LDAP = HEAD + "import ldap\n{0}" + VIEW + "    conn = ldap.initialize('ldaps://directory')\n{1}    return conn.search_s('dc=a', 2)\n"
SIGN_IN = (
    "from authlib.integrations.flask_client import OAuth\n" + HEAD + "oauth = OAuth(app)\n"
    "oauth.register('google', client_kwargs={{'scope': 'openid'{0}}})\n"
    + VIEW + "    return oauth.google.authorize_access_token()\n"
)
HIVE = "from pyhive import hive\n" + HEAD + VIEW + "    return hive.connect('hive'{0}).cursor().execute('select 1')\n"
PRESTO = "from pyhive import presto\n" + HEAD + VIEW + "    return presto.connect('presto'{0}).cursor().execute('select 1')\n"
MISP = "from pymisp import ExpandedPyMISP\n" + HEAD + VIEW + "    return ExpandedPyMISP('https://misp', app.key{0}).search()\n"
SAML = (
    "from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser as Parser\n"
    + HEAD + VIEW + "    return Parser.parse_remote('https://idp'{0})\n"
)
SPARQL = "from SPARQLWrapper import SPARQLWrapper\n" + HEAD + VIEW + "    asked = SPARQLWrapper('http://a')\n{0}    return asked.query()\n"
HUBSPOT = "from hubspot import HubSpot\n" + HEAD + "api = HubSpot()\n" + VIEW + "    return api.crm.contacts.basic_api.create({0})\n"
PAYPAL = "import paypalrestsdk\n" + HEAD + VIEW + "    return paypalrestsdk.Payment.find('a')\n"
CLAMD = "import clamd\n" + HEAD + VIEW + "    return clamd.ClamdNetworkSocket(app.host, 3310{0}).ping()\n"
KEYSTONE = "from keystoneauth1 import session\n" + HEAD + VIEW + "    return session.Session(auth=app.auth{0}).get('/v3')\n"
TWITTER = "import twitter\n" + HEAD + VIEW + "    return twitter.Api('a'{0}).PostUpdate('b')\n"
SWIFT = "import swiftclient\n" + HEAD + VIEW + "    return swiftclient.Connection(authurl='https://keys'{0}).get_account()\n"
SPOTIFY = "from spotipy.oauth2 import SpotifyOAuth\n" + HEAD + VIEW + "    return SpotifyOAuth('a'{0}).refresh_access_token('b')\n"
SFTP = "import pysftp\n" + HEAD + VIEW + "    store = pysftp.Connection('store')\n{0}    return store.listdir()\n"


@pytest.mark.parametrize(
    ("code", "count"),
    [
        (LDAP.format("", ""), 1),
        (LDAP.format("", "    conn.set_option(ldap.OPT_TIMEOUT, 10)\n"), 0),
        (LDAP.format("", "    conn.network_timeout = 10\n"), 0),
        (LDAP.format("ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)\n", ""), 0),
        (LDAP.format("", "    conn.set_option(ldap.OPT_REFERRALS, 0)\n"), 1),
        (SIGN_IN.format(""), 1),
        (SIGN_IN.format(", 'default_timeout': 5"), 0),
        (HIVE.format(""), 1),
        (HIVE.format(", thrift_transport=app.transport"), 0),
        (PRESTO.format(""), 1),
        (PRESTO.format(", requests_kwargs={'timeout': 5}"), 0),
        (MISP.format(""), 1),
        (MISP.format(", timeout=5"), 0),
        (SAML.format(""), 1),
        (SAML.format(", True, None, 5"), 0),
        (SPARQL.format(""), 1),
        (SPARQL.format("    asked.setTimeout(5)\n"), 0),
        (HUBSPOT.format(""), 1),
        (HUBSPOT.format("_request_timeout=5"), 0),
        (PAYPAL, 1),
        (CLAMD.format(""), 1),
        (CLAMD.format(", 5"), 0),
        (KEYSTONE.format(""), 1),
        (KEYSTONE.format(", timeout=5"), 0),
        (TWITTER.format(""), 1),
        (TWITTER.format(", timeout=5"), 0),
        (SWIFT.format(""), 1),
        (SWIFT.format(", timeout=5"), 0),
        (SPOTIFY.format(""), 1),
        (SPOTIFY.format(", requests_timeout=5"), 0),
        (SFTP.format(""), 1),
        (SFTP.format("    store.timeout = 5\n"), 0),
    ],
)
def test_a_client_of_another_host(tmp_path: Path, code: str, count: int) -> None:
    assert len(shown(tmp_path, "call-without-timeout", {"app.py": code})) == count


def test_an_option_set_on_whichever_connection_was_made(tmp_path: Path) -> None:
    either = "    if app.trace:\n        conn = ldap.initialize('ldaps://directory', trace_level=1)\n    else:\n        conn = "
    code = LDAP.replace("    conn = ", either)
    silent = code.format("", "    conn.set_option(ldap.OPT_TIMEOUT, 10)\n")
    assert not said(tmp_path, "call-without-timeout", {"app.py": silent})


SERVED = {"shop/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
          "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n"}  # fmt: skip
SOCIAL = "INSTALLED_APPS = ['social_django']\nSOCIAL_AUTH_GITHUB_KEY = 'a'\n"
DIRECTORY = "import ldap\nAUTHENTICATION_BACKENDS = ['django_auth_ldap.backend.LDAPBackend']\nAUTH_LDAP_SERVER_URI = 'ldaps://directory'\n"


@pytest.mark.parametrize(
    ("settings", "pinned", "lines"),
    [
        (SOCIAL, "social-auth-core==4.8.7", [2]),
        (SOCIAL, "social-auth-core>=4.5,<4.9", [2]),
        (SOCIAL, "social-auth-core==4.9.0", []),  # 5 s of its own
        (SOCIAL, "social-auth-core>=4.5", []),  # any of both
        (SOCIAL + "SOCIAL_AUTH_GITHUB_REQUESTS_TIMEOUT = 5\n", "social-auth-core==4.8.7", []),
        (DIRECTORY, "django-auth-ldap==5.4.0", [3]),
        (DIRECTORY.replace("'ldaps://directory'", "None"), "django-auth-ldap==5.4.0", []),
        (DIRECTORY + "AUTH_LDAP_CONNECTION_OPTIONS = {ldap.OPT_NETWORK_TIMEOUT: 5}\n", "django-auth-ldap==5.4.0", []),
        (DIRECTORY + "AUTH_LDAP_GLOBAL_OPTIONS = {ldap.OPT_NETWORK_TIMEOUT: 5}\n", "django-auth-ldap==5.4.0", []),
    ],
)
def test_a_limit_that_settings_give(tmp_path: Path, settings: str, pinned: str, lines: list[int]) -> None:
    files = {**SERVED, "shop/settings.py": settings, "requirements.txt": pinned + "\n"}
    assert [f.line for f in shown(tmp_path, "call-without-timeout", files)] == lines


@pytest.mark.parametrize(
    ("config", "pinned", "count"),
    [
        ("class Config:\n    if True:\n        CACHE_TYPE = 'redis'\n", "redis==5.2.1", 1),
        ("class Config:\n    CACHE_TYPE = 'RedisCache'\n    CACHE_OPTIONS = {'socket_timeout': 2}\n", "redis==5.2.1", 0),
        ("class Config:\n    CACHE_TYPE = 'RedisCache'\n", "redis==8.0.1", 0),
        ("class Config:\n    CACHE_TYPE = 'SimpleCache'\n", "redis==5.2.1", 0),
        ("class TestConfig:\n    CACHE_TYPE = 'RedisCache'\n", "redis==5.2.1", 0),
    ],
)
def test_a_cache_of_flask(tmp_path: Path, config: str, pinned: str, count: int) -> None:
    app = HEAD + "from flask_caching import Cache\nimport config\napp.config.from_object(config.Config)\ncache = Cache(app)\n"
    files = {"app.py": app + VIEW + "    return 'a'\n", "config.py": config, "requirements.txt": pinned + "\n"}
    assert len(shown(tmp_path, "call-without-timeout", files)) == count


POSTGRES = "'ENGINE': 'django.db.backends.postgresql', 'HOST': os.environ['DB_HOST']"
MYSQL = POSTGRES.replace("postgresql", "mysql")


@pytest.mark.parametrize(
    ("database", "pinned", "confidence"),
    [
        (POSTGRES, "psycopg2==2.9.12", "likely"),
        (MYSQL, "mysqlclient==2.2.8", "likely"),
        (POSTGRES + ", 'OPTIONS': {'sslmode': 'require'}", "psycopg2==2.9.12", "likely"),
        (POSTGRES + ", 'OPTIONS': {'connect_timeout': 5}", "psycopg2==2.9.12", None),
        (POSTGRES + ", 'OPTIONS': dict(os.environ)", "psycopg2==2.9.12", None),
        (POSTGRES, "psycopg==3.3.0", "possible"),  # connecting ends, statements do not
        (POSTGRES + ", 'OPTIONS': {'options': '-c statement_timeout=5000'}", "psycopg==3.3.0", None),
        (POSTGRES, "django==5.2.19", "possible"),  # no driver is declared
        (POSTGRES.replace("os.environ['DB_HOST']", "'localhost'"), "psycopg2==2.9.12", "possible"),
        (POSTGRES.replace("'django.", "os.environ['DB'] or 'django."), "psycopg2==2.9.12", "possible"),
        ("**dj_database_url.config()", "psycopg2==2.9.12", "possible"),
        ("'ENGINE': 'django.db.backends.sqlite3'", "psycopg2==2.9.12", None),
    ],
)
def test_a_database_of_django(tmp_path: Path, database: str, pinned: str, confidence: str | None) -> None:
    settings = f"import os\nimport dj_database_url\nDATABASES = {{\n    'default': {{{database}}},\n}}\n"
    found = said(tmp_path, "call-without-timeout", {**SERVED, "shop/settings.py": settings, "requirements.txt": pinned + "\n"})
    assert [(f.path, f.line, f.confidence) for f in found] == ([("shop/settings.py", 4, confidence)] if confidence else [])


def test_settings_for_production_decide_about_the_database(tmp_path: Path) -> None:
    entry = f"import os\nDATABASES = {{'default': {{{POSTGRES}}}}}\n"
    files = {**SERVED, "requirements.txt": "psycopg2==2.9.12\n", "shop/settings/__init__.py": "", "shop/settings/base.py": entry}
    (found,) = said(tmp_path, "call-without-timeout", {**files, "shop/settings/prod.py": entry})
    assert found.path == "shop/settings/prod.py"


MAIL = HEAD + "from django.core.mail import EmailMessage\n" + VIEW + "    message = EmailMessage('a')\n    message.send()\n    return ''\n"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"settings.py": "EMAIL_HOST = 'mail'\n"}, "settings.py"),
        ({"settings.py": "EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\n"}, "settings.py"),
        ({"dev.py": "EMAIL_HOST = 'mail'\n", "prod.py": "EMAIL_HOST = 'mail'\n", "base.py": "EMAIL_HOST = 'mail'\n"}, "prod.py"),
        ({"settings.py": "EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'\n"}, None),
        ({}, "app.py"),
        ({"settings.py": "EMAIL_HOST = 'mail'\nEMAIL_TIMEOUT = 5\n"}, None),
        ({"settings.py": "MAILERS = {'default': {'OPTIONS': {'host': 'mail'}}}\n"}, "settings.py"),
        ({"settings.py": "MAILERS = {'default': {'OPTIONS': {'host': 'mail', 'timeout': 5}}}\n"}, None),
        ({"settings.py": "MAILERS = {'default': {'OPTIONS': {'timeout': 5}}, 'bulk': {}}\n"}, "settings.py"),
    ],
)
def test_mail_is_told_at_the_settings_of_production(tmp_path: Path, settings: dict[str, str], path: str | None) -> None:
    found = shown(tmp_path, "call-without-timeout", {"app.py": MAIL, **settings})
    assert [f.path for f in found] == ([path] if path else [])


@pytest.mark.parametrize(("mounted", "fires"), [(True, False), (False, True)])
def test_a_client_whose_session_has_an_adapter_of_ones_own(tmp_path: Path, mounted: bool, fires: bool) -> None:
    session = "    http = requests.Session()\n    http.mount('https://', Limited())\n    return Salesforce(session=http)\n"
    clients = "import requests\nfrom simple_salesforce import Salesforce\nclass Limited(requests.adapters.HTTPAdapter):\n"
    clients += "    def send(self, *args, **kwargs):\n        return super().send(*args, **{**kwargs, 'timeout': 3})\n"
    clients += "def client():\n" + (session if mounted else "    return Salesforce(session_id='a')\n")
    app = "from clients import client\nfrom simple_salesforce import Salesforce\n" + HEAD
    app += "def add(session: Salesforce):\n    session.query('a')\n" + VIEW + "    add(client())\n    return ''\n"
    assert bool(shown(tmp_path, "call-without-timeout", {"clients.py": clients, "app.py": app})) is fires
