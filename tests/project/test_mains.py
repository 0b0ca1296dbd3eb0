"""What a thread or process of its own does after its loop is the way down."""

from made_sources import function, link

from runtime_ops.project.mains import is_main, main_places
from runtime_ops.project.serving_places import phase_at

SOURCE = """
    import threading, multiprocessing

    class Output(multiprocessing.Process):
        def run(self):
            self.open()
            while not self.stop_event.is_set():
                self.turn()
            self.close()

        def helper(self):
            while not self.stop_event.is_set():
                self.turn()

    def fetch(done):
        while not done:
            done = attempt()
        report()

    threading.Thread(target=fetch).start()
"""


def test_places_of_a_process() -> None:
    links = link(SOURCE)
    run = function(links, "Output.run")
    places = main_places(run, links)
    phases = {site.method: phase_at(places, site.line, site.steps) for site in run.sites}
    assert (phases["turn"], phases["close"]) == ("serving", "shutdown")


def test_other_functions_and_other_loops() -> None:
    links = link(SOURCE)
    assert not is_main(function(links, "Output.helper"), links)
    assert is_main(function(links, "fetch"), links)
    assert main_places(function(links, "fetch"), links) == ()
