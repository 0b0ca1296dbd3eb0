"""A hand-written asyncio loop that stops by an Event; with FAULTS=asleep it looks at the Event once a minute only."""

import asyncio
import os
import signal


async def main():
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("loop started", flush=True)
    while not stop.is_set():
        if os.environ.get("FAULTS") == "asleep":
            await asyncio.sleep(60)
        else:
            try:
                await asyncio.wait_for(stop.wait(), 0.1)
            except TimeoutError:
                continue
    print("loop stopped", flush=True)


asyncio.run(main())
