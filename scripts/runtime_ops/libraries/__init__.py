"""What is known of libraries, as data. Rules ask these tables; no rule and no module here names a library in its code.

Names are full dotted names as the facts resolve them. Every lookup takes any known spelling (``redis.client.StrictRedis.get``
is ``redis.Redis.get``), follows base classes, and gives None or an empty list for what is not known. Not known never means
safe. A row has ``source`` (facts number, or package, version, file) and ``sure``: a rule skips rows with ``sure`` False, or
lowers its confidence to possible. Tables are read at first use and kept.

========================  ======================================================================================
module, data file         what to ask
========================  ======================================================================================
``names``                 ``canonical(dotted)``, ``spellings(dotted)``: the names the tables may use.
aliases, types, returns   ``returns(call, first_text_argument)``: type of what a call or attribute gives
                          (``returned`` gives the row: ``how`` tells call, await, with, item, attribute).
                          ``type_of(cls)``: kind, ``starts``, ``closes``, ``context``, ``quiet`` methods.
                          ``supertypes(cls)``, ``quiet(method)``.
``timeouts``              ``waits(call)``: rows of what waits: parameters, where they are written, positions
timeouts                  (``Wait.position``), defaults by stage, values that switch them off, retries.
                          ``waits(call, inherited=True)`` adds those of the class; ``constructor(call)``: rows
                          whose limit this call can set; ``wrapped_by(call)``; ``job_limits(call)``.
``versions``              ``bounded_at(wait, "7.1.0" | ">=5,<8" | None)``: True, False, or None = not decided;
                          ``bounds_at`` gives all states. Use the version of ``wait.versioned_by``.
``blocking``              ``blocks_loop(call)``: row if it must not stand in a coroutine.
``servers``               ``server_run_by(call)``, ``server_program(words)``, ``worker_class(text)``: SIGTERM, drain,
servers                   options (flags, settings, keywords, environment), logs, what runs after it.
``jobs``                  ``job_system_of(call)``, ``job_system_of_class(cls)``, ``worker_program(words)``: what makes
jobs                      a job, stop, retry, limit, acknowledgement, dead letter.
``frameworks``            ``framework_of(call_or_base)``, ``route_registration(call)``, ``stage_of_hook(call)``.
``surface``               calls that serve, applications, start and stop hooks, for the linker.
``observability``         ``log_part(name)``: formatter, handler, correlation, tracker; ``instrument(name)``: metric,
logging, metrics          instrumentation (``covers`` of SIGNALS), exporter (``buffered``, ``flush``, ``at_exit``).
``credentials``           ``secret_like(name)``, ``url_like(name)``, ``carries_secret(call, parameter)``,
secrets                   ``variable_reader(variable)``, ``placeholder(value)``.
``retries``               ``retry_policies(call)``: what stops it, pauses, defaults.
``errors``                ``connection_errors(name)``: all exceptions for a lost connection of that library;
connection_errors,        ``interrupt(exception)``, ``interrupts_of(system)``: by what a limit or stop arrives, and
interrupts                whether ``except Exception`` swallows it.
``resources``             ``connects(call)``: now, at first use, or in the background;
constructors, children    ``child_started_by(call)``: the process it starts, and what ends it.
========================  ======================================================================================

How to read a wait: ``waits("redis.Redis.get")`` gives a row with ``where == ("constructor",)``, ``parameters ==
("socket_timeout", "socket_connect_timeout")`` and ``constructors == ("redis.Redis", "redis.from_url", …)``: the finding
stands at the call of one of these constructors that made the client. ``where == ()`` means that no parameter exists: only
an outer deadline helps. ``bounded == "partly"`` is explained by ``note``.

Two traps. A limit passed explicitly as None beats the library's default, also by a wrapper that passes its own None on. And
``bounded_at(wait, None)`` is None for what changed between versions: say so, do not guess the newest.

To add a row: edit the JSON (one row a line, sorted by name), give its source, run ``tests/libraries``. A row that was not
checked gets ``"source": "unverified: …"`` and ``"sure": false``.
"""
