"""Jobs of a timetable that ask another program about each item, and what a stored text does to the loop over all."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

RULE = "item-stops-batch"
WORKS = {"Procfile": "w: celery -A tasks worker\n", "requirements.txt": "celery\nrequests\n"}
FEEDS = """\
import requests
from celery import Celery

from models import Feed

app = Celery("feeds")
{timetable}


@app.task
def refresh_all():
    for feed in {items}:
        {body}


def fetch(feed):
    answer = requests.get(feed.url, timeout=5)
    answer.raise_for_status()
    feed.save()


def careful(feed):
    try:
        requests.get(feed.url, timeout=5)
    except Exception:
        feed.failed = True
"""
TIMED = 'app.conf.beat_schedule = {"refresh": {"task": "tasks.refresh_all", "schedule": 60.0}}'


@pytest.mark.parametrize(
    ("timetable", "items", "body", "told"),
    [
        (TIMED, "Feed.objects.all()", "fetch(feed)", True),
        ("", "Feed.objects.all()", "fetch(feed)", False),  # what somebody asked for is asked for again
        (TIMED, '("a", "b")', "fetch(feed)", False),
        (TIMED, "Feed.objects.all()", "careful(feed)", False),
        (TIMED, "Feed.objects.all()", "feed.save()", False),
        (TIMED, "Feed.objects.all()", "try:\n            fetch(feed)\n        except OSError:\n            pass", False),
    ],
)
def test_a_job_by_time_that_asks_about_each_item(tmp_path: Path, timetable: str, items: str, body: str, told: bool) -> None:
    files = {**WORKS, "tasks.py": FEEDS.format(timetable=timetable, items=items, body=body), "models.py": "class Feed:\n    pass\n"}
    assert [finding.confidence for finding in said(tmp_path, RULE, files)] == (["likely"] if told else [])


def test_the_signature_in_a_timetable_names_its_job(tmp_path: Path) -> None:
    timetable = "\n\n@app.on_after_configure.connect\ndef plan(sender, **options):\n    sender.add_periodic_task(60.0, refresh_all.s())"
    text = FEEDS.format(timetable=timetable, items="Feed.objects.all()", body="fetch(feed)")
    files = {**WORKS, "tasks.py": text, "models.py": "class Feed:\n    pass\n"}
    assert len(said(tmp_path, RULE, files)) == 1


PLANNED = """\
from celery import shared_task
from croniter import croniter

from models import Backup, run


@shared_task
def plan(now):
    backups = {items}
    for backup in backups:
        if croniter({text}, now).get_next() < now:
            run.delay(backup.id)
"""


@pytest.mark.parametrize(
    ("items", "text", "sure"),
    [
        ("Backup.objects.filter(on=True)", "backup.schedule", [True]),
        ("[Backup()]", "backup.schedule", [False]),
        ("Backup.objects.filter(on=True)", "'* * * * *'", []),
    ],
)
def test_a_stored_text_that_cannot_be_read_ends_the_loop(tmp_path: Path, items: str, text: str, sure: list[bool]) -> None:
    models = "from celery import shared_task\n\n\nclass Backup:\n    pass\n\n\n@shared_task\ndef run(number):\n    print(number)\n"
    files = {"Procfile": WORKS["Procfile"], "tasks.py": PLANNED.format(items=items, text=text), "models.py": models}
    assert [finding.confidence == "certain" for finding in said(tmp_path, RULE, files)] == sure


WORKER = """\
import os

import requests

TOKEN = os.environ.get("SHOP_TOKEN")


def main():
    while True:
        requests.get("https://shop.example/", headers={{"Authorization": {header}}}, timeout=5)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("path", "header", "told"),
    [
        ("worker.py", 'f"Bearer {TOKEN}"', True),
        ("scripts/worker.py", '"Token {}".format(TOKEN)', True),  # an artifact starts it
        ("tests/worker.py", '"Token {}".format(TOKEN)', False),
        ("worker.py", "TOKEN", False),  # requests leaves out a header that is None
        ("worker.py", 'f"Bearer {TOKEN}" if TOKEN else ""', False),
    ],
)
def test_a_token_that_may_be_missing_in_a_header(tmp_path: Path, path: str, header: str, told: bool) -> None:
    files = {path: WORKER.format(header=header), "Dockerfile": f'FROM python:3.12\nCMD ["python", "{path}"]\n'}
    assert [finding.message.count("the header then says") for finding in said(tmp_path, "unvalidated-config", files)] == [1] * told


GUARDED = "try:\n        print('clean')\n    except Exception:\n        print('not')"
SCHEDULED = """
import time
import schedule


def sent():
    print(open("report.txt").read())


def cleaned():
    {body}


def late():
    print("late")


schedule.every().day.at("02:00").do(sent)
schedule.every(2).hours.do(cleaned)
{more}


def main():
    while True:
        {turn}
        time.sleep(1)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("body", "turn", "more", "reported"),
    [
        ("print('clean')", "schedule.run_pending()", "", True),
        # of two jobs, one takes its failures itself
        (GUARDED, "schedule.run_pending()", "", False),
        (GUARDED, "schedule.run_pending()", "schedule.every().monday.do(late)", True),
        ("print('clean')", "try:\n            schedule.run_pending()\n        except Exception as e:\n            print(e)", "", False),
    ],
)  # fmt: skip
def test_a_job_that_ends_the_timetable(tmp_path: Path, body: str, turn: str, more: str, reported: bool) -> None:
    files = {
        "app.py": SCHEDULED.format(body=body, turn=turn, more=more),
        "Dockerfile": 'FROM python:3.12\nCOPY app.py .\nCMD ["python", "app.py"]\n',
    }
    assert bool(shown(tmp_path, "item-stops-batch", files)) is reported


IN_CLASS = """\
class Config:
    TIMEOUT = 5
    CELERY = {{"beat_schedule": {{"refresh": {{"task": "{name}", "schedule": 60.0}}}}}}
"""


@pytest.mark.parametrize(("name", "told"), [("tasks.refresh_all", True), ("tasks.other", False)])
def test_a_timetable_that_a_class_of_settings_holds(tmp_path: Path, name: str, told: bool) -> None:
    tasks = FEEDS.format(timetable="", items="Feed.objects.all()", body="fetch(feed)")
    assert bool(said(tmp_path, RULE, {**WORKS, "tasks.py": tasks, "config.py": IN_CLASS.format(name=name)})) is told


@pytest.mark.parametrize(("made", "told"), [("company.celery.OurCelery", True), ("company.queues.OurQueue", False)])
def test_a_class_of_another_library_that_is_named_for_celery(tmp_path: Path, made: str, told: bool) -> None:
    tasks = FEEDS.format(timetable=TIMED, items="Feed.objects.all()", body="fetch(feed)")
    module, _, name = made.rpartition(".")
    tasks = tasks.replace("from celery import Celery", f"from {module} import {name}").replace('Celery("feeds")', f'{name}("feeds")')
    tasks = tasks.replace("@app.task", "@app.task(name='tasks.refresh_all')")
    assert bool(said(tmp_path, RULE, {"requirements.txt": "requests\n", "tasks.py": tasks})) is told
