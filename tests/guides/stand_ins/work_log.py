"""What a stand-in for a broker was asked, in order: lines of JSON in the file that EVENTS names."""

import json
import os


def say(*event):
    with open(os.environ["EVENTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(event, default=str) + "\n")
