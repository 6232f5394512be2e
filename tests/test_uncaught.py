"""What nobody caught, and what was warned of: one JSON line each, and the exit code as it was."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from programs import parse, run

both_bufferings = pytest.mark.parametrize(
    "env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"]
)

# The main thread


@both_bufferings
def test_uncaught_exception(env: dict[str, str]) -> None:
    """
    An uncaught exception of the main thread is one CRITICAL line with its traceback and place, and
    the exit code stays 1.
    """
    done = run(
        """
        import logweft
        logweft.install()

        def pay(order):
            raise ValueError(f"no order {order}")

        print("before")
        pay(7)
        """,
        env=env,
    )
    assert (done.code, done.out) == (1, "before\n")
    (line,) = done.lines
    assert (line["level"], line["message"]) == ("CRITICAL", "uncaught exception")
    assert (line["function"], line["line"]) == ("pay", 6)
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["message"] == "no order 7"
    assert "line 9, in <module>" in line["exception"]["stack_trace"]


@pytest.mark.parametrize(
    ("statement", "code", "text"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise SystemExit(255)", 255, ""),
        ("sys.exit('told')", 1, "told\n"),
        ("import os; os._exit(4)", 4, ""),
    ],
)
def test_exit_codes(statement: str, code: int, text: str) -> None:
    """
    SystemExit is not an uncaught exception: its code and its text are what they are without
    install().
    """
    done = run(f"import sys, logweft\nlogweft.install()\n{statement}")
    assert (done.code, done.out, done.err) == (code, "", text)


def test_keyboard_interrupt() -> None:
    """
    An uncaught KeyboardInterrupt ends the process as it does without install(), by the signal that
    a shell shows as 130.
    """
    without = run("raise KeyboardInterrupt")
    done = run("import logweft\nlogweft.install()\nraise KeyboardInterrupt")
    assert done.code == without.code
    assert done.code in (130, -2)
    (line,) = done.lines
    assert line["exception"]["type"] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()", "E"),
        ("raise RecursionError", "RecursionError"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise ValueError('\\ud800 \\x1b[2J \\n{')", "ValueError"),
        ("raise ValueError from KeyError('a')", "ValueError"),
        ("raise MemoryError", "MemoryError"),
        ("import no.such.module", "ModuleNotFoundError"),
        ("exec('a b')", "SyntaxError"),
        ("raise BaseException('x')", "BaseException"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_uncaught_exceptions_of_every_kind(statement: str, kind: str) -> None:
    """Whatever the exception, it is one line and exit code 1."""
    done = run(f"import logweft\nlogweft.install()\n{statement}")
    assert (done.code, done.out) == (1, "")
    (line,) = done.lines
    assert line["exception"]["type"].rpartition(".")[2] == kind


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are new in 3.11")
def test_uncaught_exception_group() -> None:
    """An uncaught exception group is one line that holds its members."""
    done = run("""
    import logweft
    logweft.install()
    raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])
    """)
    assert done.code == 1
    (line,) = done.lines
    members = line["exception"]["exceptions"]
    assert [member["type"] for member in members] == ["ValueError", "KeyError"]


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="3.11 shows exception groups by itself")
def test_hook_of_the_backport_of_exception_groups() -> None:
    """On 3.10 the excepthook that `exceptiongroup` sets (with anyio) is a default, and replaced."""
    done = run("""
    import exceptiongroup, sys
    assert sys.excepthook is not sys.__excepthook__
    import logweft
    logweft.install()
    raise ValueError("x")
    """)
    assert done.code == 1
    assert [line["exception"]["message"] for line in done.lines] == ["x"]


def test_hook_put_over_ours_after_uninstall() -> None:
    """A hook put over ours that calls the one before gets Python's traceback after uninstall()."""
    done = run("""
    import sys, logweft
    installation = logweft.install()
    ours = sys.excepthook
    sys.excepthook = lambda *args: ours(*args)
    installation.uninstall()
    raise ValueError("x")
    """)
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.count("ValueError: x") == 1


def test_uncaught_exception_without_secrets() -> None:
    """A secret in an uncaught exception's message or traceback is withheld."""
    done = run("""
    import logweft
    logweft.install()
    raise ValueError("cannot connect to postgres://ada:hunter2secret@db/shop")
    """)
    assert done.code == 1
    assert len(done.lines) == 1
    assert "hunter2secret" not in done.err


def test_uncaught_exception_after_uninstall() -> None:
    """After uninstall() an uncaught exception is Python's plain traceback again."""
    done = run("""
    import logweft
    logweft.install().uninstall()
    raise ValueError("x")
    """)
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.count("ValueError: x") == 1


def test_uncaught_exception_that_no_handler_would_show() -> None:
    """
    Where logging is switched off, or the level too high, the interpreter's own traceback appears:
    an exception is never silent.
    """
    for switch in (
        "logging.disable()",
        "logging.getLogger('logweft').disabled = True",
        "logging.root.setLevel(100)",
        "logging.root.handlers[0].setLevel(100)",
    ):
        done = run(f"import logging, logweft\nlogweft.install()\n{switch}\nraise ValueError('x')")
        assert done.code == 1
        assert done.err.startswith("Traceback (most recent call last):"), (switch, done.err)


# Threads


@both_bufferings
def test_uncaught_exception_in_a_thread(env: dict[str, str]) -> None:
    """An uncaught exception of a thread is one line that names it, and the program goes on."""
    done = run(
        """
        import logging, threading, logweft
        logweft.install()
        def work():
            raise ValueError("x")
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
        logging.info("after")
        """,
        env=env,
    )
    assert (done.code, done.out) == (0, "")
    first, second = done.lines
    assert (first["level"], first["message"]) == ("CRITICAL", "uncaught exception in thread worker")
    assert (first["function"], first["line"]) == ("work", 5)
    assert first["exception"]["type"] == "ValueError"
    assert second["message"] == "after"


def test_system_exit_in_a_thread() -> None:
    """SystemExit in a thread is silent, as without install()."""
    done = run("""
    import sys, threading, logweft
    logweft.install()
    threading.Thread(target=sys.exit, args=(3,)).start()
    """)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_many_threads_fail_at_once() -> None:
    """Fifty threads that fail at once give fifty lines."""
    done = run("""
    import threading, logweft
    logweft.install()
    barrier = threading.Barrier(50)
    def work(number):
        barrier.wait(60)
        raise ValueError(f"x{number}")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    """)
    assert done.code == 0
    told = sorted(line["exception"]["message"] for line in done.lines)
    assert told == sorted(f"x{number}" for number in range(50))


def test_thread_that_fails_after_main() -> None:
    """A thread that fails after the main thread has ended, or failed, is told of too."""
    done = run("""
    import threading, logweft
    logweft.install()
    def work():
        threading.main_thread().join()
        raise KeyError("of the thread")
    threading.Thread(target=work).start()
    raise ValueError("of main")
    """)
    assert done.code == 1
    assert [line["exception"]["type"] for line in done.lines] == ["ValueError", "KeyError"]


# Whose work it was


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ("with adopt('order-1'), bind(user=7): raise ValueError('x')", ["order-1", 7]),
        ("with adopt('order-1'), bind(user=7):\n    with adopt('step-2'): 1 / 0", ["step-2", None]),
        ("run_in_a_thread('order-1')", ["order-1", None]),
        ("with adopt('outer'): run_in_a_thread('order-1')", ["order-1", None]),
        ("asyncio.run(serve('order-1'))", ["order-1", None]),
        ("asyncio.run(lose('order-1'))", ["order-1", None]),
        (
            "try: refuse('order-1')\nexcept KeyError: logging.exception('refused')",
            ["order-1", None],
        ),
        (
            "with adopt('outer'):\n    try: refuse('order-1')\n"
            "    except KeyError: logging.exception('refused')",
            ["outer", None],
        ),
        ("try: refuse('order-1')\nexcept KeyError: pass\nraise KeyError('y')", [None, None]),
        (
            "for _ in range(9):\n    try: refuse('order-1')\n    except KeyError: pass\n"
            "refuse(None)",
            [None, None],
        ),
    ],
)
def test_the_line_has_the_id_of_the_work_that_an_exception_has_ended(
    work: str, told: list[object]
) -> None:
    """
    The innermost block that the exception left; of a log call inside of other work, that one's; of
    an exception that left none, none, also where an earlier one had its address.
    """
    program = """
    import asyncio, gc, logging, threading, logweft
    from logweft import adopt, bind
    logweft.install()
    def refuse(order):
        if order is None:
            raise KeyError("x")
        with adopt(order):
            raise KeyError("x")
    def run_in_a_thread(order):
        thread = threading.Thread(target=refuse, args=(order,))
        thread.start()
        thread.join()
    async def serve(order):
        async with adopt(order):
            raise ValueError("x")
    async def lose(order):
        with adopt("outer"):
            task = asyncio.create_task(serve(order))
        await asyncio.wait([task])
        with adopt("elsewhere"):
            del task
            gc.collect()
    """
    (line,) = run(f"{textwrap.dedent(program)}\n{work}").lines
    assert [line.get("correlation_id"), line.get("user")] == told
    assert "exception" in line


# asyncio


def test_task_exception_never_retrieved() -> None:
    """Asyncio's "Task exception was never retrieved" is one line with the exception."""
    done = run("""
    import asyncio, gc, logweft
    logweft.install()
    async def work():
        raise ValueError("x")
    async def main():
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        del task
        gc.collect()
    asyncio.run(main())
    """)
    assert (done.code, done.out) == (0, "")
    (line,) = done.lines
    assert (line["logger"], line["level"]) == ("asyncio", "ERROR")
    assert line["message"].startswith("Task exception was never retrieved")
    assert line["exception"]["message"] == "x"


def test_exception_in_a_callback_of_the_loop() -> None:
    """
    Asyncio's "Exception in callback" is one line, and an exception that leaves asyncio.run is the
    main thread's.
    """
    done = run("""
    import asyncio, logweft
    logweft.install()
    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(done.set_result, None)
        await done
        raise ValueError("x")
    asyncio.run(main())
    """)
    assert done.code == 1
    first, second = done.lines
    assert first["logger"] == "asyncio"
    assert first["exception"]["type"] == "ZeroDivisionError"
    assert second["exception"]["type"] == "ValueError"


# Unraisable


def test_exception_in_a_finalizer() -> None:
    """An exception in __del__, which Python cannot raise, is one line that says where."""
    done = run("""
    import logging, logweft
    logweft.install()
    class Order:
        def __del__(self):
            raise ValueError("x")
    order = Order()
    del order
    logging.info("after")
    """)
    assert (done.code, done.out) == (0, "")
    first, second = done.lines
    assert "__del__" in first["message"]
    assert first["exception"]["message"] == "x"
    assert (first["function"], first["line"]) == ("__del__", 6)
    assert second["message"] == "after"


def test_exception_in_a_generator_thrown_away() -> None:
    """An exception of a generator that is closed by the garbage collector is one line."""
    done = run("""
    import logweft
    logweft.install()
    def work():
        try:
            yield
        finally:
            1 / 0
    generator = work()
    next(generator)
    del generator
    """)
    assert done.code == 0
    (line,) = done.lines
    assert line["exception"]["type"] == "ZeroDivisionError"


def test_atexit_function_that_raises() -> None:
    """An exception in an atexit function, registered before or after install(), is one line."""
    done = run("""
    import atexit, logweft
    def first(): raise ValueError("first")
    def second(): raise ValueError("second")
    atexit.register(first)
    logweft.install()
    atexit.register(second)
    """)
    assert [line["exception"]["message"] for line in done.lines] == ["second", "first"]


def test_finalizer_at_the_end_of_the_interpreter() -> None:
    """
    An exception in the __del__ of an object that lives until the interpreter ends is told of once,
    in whatever form, and the exit code stays.
    """
    done = run("""
    import sys, logweft
    logweft.install()
    class Order:
        def __del__(self):
            raise ValueError("kept")
    order = Order()
    sys.exit(3)
    """)
    assert done.code == 3
    assert len(re.findall('"message":"kept"|ValueError: kept', done.err)) == 1, done.err


# Warnings


def test_warning() -> None:
    """A warning is one WARNING line of logger py.warnings with the place that is warned of."""
    done = run("""
    import warnings, logweft
    logweft.install()
    def old():
        warnings.warn("use new()", FutureWarning, stacklevel=2)
    old()
    old()
    """)
    assert (done.code, done.out) == (0, "")
    assert [(line["line"], line["message"]) for line in done.lines] == [
        (6, "use new()"),
        (7, "use new()"),
    ]
    for line in done.lines:
        assert (line["logger"], line["level"]) == ("py.warnings", "WARNING")
        assert line["category"] == "FutureWarning"


def test_warnings_that_somebody_else_takes() -> None:
    """
    catch_warnings(record=True), an error filter and showwarning(file=...) work as ever, and give no
    line.
    """
    done = run("""
    import io, warnings, logweft
    logweft.install()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn("recorded")
    assert [str(each.message) for each in seen] == ["recorded"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            warnings.warn("raised")
        except UserWarning:
            pass
        else:
            raise SystemExit(3)
    stream = io.StringIO()
    warnings.showwarning("shown", UserWarning, "f.py", 7, stream)
    assert "f.py:7: UserWarning: shown" in stream.getvalue()
    warnings.warn("told")
    """)
    assert done.code == 0, done.err
    assert [line["message"] for line in done.lines] == ["told"]


@pytest.mark.parametrize("order", ["before", "after"])
def test_capture_warnings_of_logging(order: str) -> None:
    """
    With logging.captureWarnings(True), before or after install(), a warning is one line, and both
    can be undone.
    """
    steps = ["logging.captureWarnings(True)", "logweft.install()"]
    if order == "after":
        steps.reverse()
    done = run(f"""
    import logging, warnings, logweft
    shown = warnings.showwarning
    {steps[0]}
    {steps[1]}
    warnings.warn("told")
    logging.captureWarnings(False)
    logweft.uninstall()
    assert warnings.showwarning is shown
    """)
    assert done.code == 0, done.err
    assert len(done.lines) == 1
    assert "told" in done.lines[0]["message"]


def test_warning_is_redacted() -> None:
    """A secret in a warning is withheld."""
    done = run("""
    import warnings, logweft
    logweft.install()
    warnings.warn("cannot connect to postgres://ada:hunter2secret@db/shop")
    """)
    assert len(done.lines) == 1
    assert "hunter2secret" not in done.err


# Foreign hooks, and what is switched off

HOOKS = {
    "main": ("sys", "excepthook"),
    "threads": ("threading", "excepthook"),
    "unraisable": ("sys", "unraisablehook"),
    "warnings": ("warnings", "showwarning"),
}

CAUSES = {
    "main": "raise ValueError('of main')",
    "threads": """
def work():
    raise ValueError("of threads")
thread = threading.Thread(target=work)
thread.start()
thread.join()
""",
    "unraisable": """
class Order:
    def __del__(self):
        raise ValueError("of unraisable")
Order()
""",
    "warnings": "warnings.warn('of warnings')",
}

ALL_CAUSES = "\n".join(CAUSES[name] for name in ("warnings", "unraisable", "threads", "main"))


@pytest.mark.parametrize("name", HOOKS)
def test_foreign_hook_is_called(name: str) -> None:
    """
    A hook that somebody put there before install() is still called, once, with its arguments,
    beside the line.
    """
    module, attribute = HOOKS[name]
    done = run(
        f"""
import sys, threading, warnings, logweft
def foreign(*args, **kwargs):
    first = args[0]
    told = args[1] if {name!r} == "main" else getattr(first, "exc_value", first)
    print(len(args), told)
{module}.{attribute} = foreign
installation = logweft.install()
{CAUSES[name]}
"""
    )
    assert done.code == (1 if name == "main" else 0), done.err
    count, _, told = done.out.strip().partition(" ")
    assert told == f"of {name}"
    assert int(count) == {"main": 3, "threads": 1, "unraisable": 1, "warnings": 6}[name]
    (line,) = done.lines
    assert f"of {name}" in (line["message"], line.get("exception", {}).get("message"))


@pytest.mark.parametrize("name", HOOKS)
def test_foreign_hook_that_raises(name: str) -> None:
    """A foreign hook that raises costs neither the line nor the program."""
    module, attribute = HOOKS[name]
    done = run(
        f"""
import logging, sys, threading, warnings, logweft
def foreign(*args, **kwargs):
    raise KeyError("of the hook")
{module}.{attribute} = foreign
logweft.install()
try:
    {CAUSES[name].strip().replace(chr(10), chr(10) + "    ")}
except KeyError:
    assert {name!r} == "warnings"  # raised to whoever warned, as without us
"""
    )
    assert done.code == (1 if name == "main" else 0), done.err
    assert f"of {name}" in done.err
    json = [line for line in done.err.splitlines() if line.startswith("{")]
    assert f"of {name}" in json[0]


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("by", ["code", "environment"])
def test_switched_off(name: str, by: str) -> None:
    """What capture does not name is Python's plain text as ever, and all the rest is JSON."""
    rest = [each for each in HOOKS if each != name]
    options, env = (
        (f"capture={rest}", {}) if by == "code" else ("", {"LOGWEFT_CAPTURE": ", ".join(rest)})
    )
    done = run(
        f"import sys, threading, warnings, logweft\nlogweft.install({options})\n{ALL_CAUSES}",
        env=env,
    )
    assert done.code == 1
    json = [line for line in done.err.splitlines() if line.startswith("{")]
    plain = [line for line in done.err.splitlines() if not line.startswith("{")]
    assert len(parse("\n".join(json))) == 3
    assert f"of {name}" not in "".join(json)
    assert f"of {name}" in "\n".join(plain)
    for other in rest:
        assert not any(f"Error: of {other}" in line for line in plain)


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ("capture=False", {}),
        ("capture=[]", {}),
        ("", {"LOGWEFT_CAPTURE": "0"}),
        ("capture=()", {"LOGWEFT_CAPTURE": "1"}),
    ],
)
def test_all_switched_off(options: str, env: dict[str, str]) -> None:
    """capture=False or an empty one leaves all four hooks alone."""
    done = run(
        f"""
        import sys, threading, warnings, logweft
        def hooks():
            return [sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning]
        before = hooks()
        logweft.install({options})
        assert hooks() == before
        """,
        env=env,
    )
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ("", {}),
        ("capture=True", {"LOGWEFT_CAPTURE": "0"}),
        ("", {"LOGWEFT_CAPTURE": "yes"}),
        ("capture=iter(['main', 'threads', 'unraisable', 'warnings'])", {}),
        ("capture={'main', 'threads', 'unraisable', 'warnings'}", {}),
    ],
)
def test_all_switched_on(options: str, env: dict[str, str]) -> None:
    """By default all four are lines, one each, and there is no plain text."""
    done = run(
        f"import sys, threading, warnings, logweft\nlogweft.install({options})\n{ALL_CAUSES}",
        env=env,
    )
    assert (done.code, done.out) == (1, "")
    told = [line.get("exception", line)["message"] for line in done.lines]
    assert told == ["of warnings", "of unraisable", "of threads", "of main"]


def test_hook_of_somebody_who_comes_later(tmp_path: Path) -> None:
    """
    A hook put over ours, as Sentry does, that calls the one before gets its turn and ours is called
    once.
    """
    done = run("""
    import sys, logweft
    logweft.install()
    before = sys.excepthook
    def later(*args):
        print("later")
        before(*args)
    sys.excepthook = later
    raise ValueError("x")
    """)
    assert (done.code, done.out) == (1, "later\n")
    assert len(done.lines) == 1


def test_same_exception_logged_by_its_formatter() -> None:
    """An exception whose text itself logs and raises does not go round in circles."""
    done = run("""
    import logging, logweft
    logweft.install()
    class Loud(Exception):
        def __str__(self):
            logging.warning("in __str__")
            raise ValueError("no text")
    raise Loud
    """)
    assert done.code == 1
    told = [line for line in done.lines if line["level"] == "CRITICAL"]
    assert len(told) == 1
    assert told[0]["exception"]["type"].endswith("Loud")
