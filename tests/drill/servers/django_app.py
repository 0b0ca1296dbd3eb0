"""Django in one file; SECRET_KEY is required.

FAULTS=late asks for it only when it is used; FAULTS=exits calls sys.exit, which under gunicorn ends one worker after
the other, as only an exception stops the arbiter too.
"""

import os
import sys
import time

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

if "SECRET_KEY" not in os.environ and os.environ.get("FAULTS") == "exits":
    sys.exit("configuration: SECRET_KEY is not set")
if "SECRET_KEY" not in os.environ and os.environ.get("FAULTS") != "late":
    raise RuntimeError("configuration: SECRET_KEY is not set")
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.environ.get("SECRET_KEY", ""), DEBUG=False)


def slow(_):
    time.sleep(1)
    return HttpResponse("ok")


urlpatterns = [path("", lambda _: HttpResponse("ok")), path("slow", slow)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
