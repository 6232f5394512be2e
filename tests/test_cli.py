"""`python -m logweft`: run, demo, scan and doctor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from programs import Finished, clean_environment, parse, run, run_command

LOGWEFT = [sys.executable, "-m", "logweft"]


def test_a_script_runs_unmodified(tmp_path: Path) -> None:
    """A script under `run` has its own argv, path and __main__, and its log calls become lines."""
    (tmp_path / "helper.py").write_text("WORD = 'imported'\n")
    script = tmp_path / "app.py"
    script.write_text(
        "import logging, sys\n"
        "import helper\n"
        "logging.getLogger('app').info('%s %s %s', __name__, helper.WORD, sys.argv[1:])\n"
        "sys.exit(3)\n"
    )

    done = run_command([*LOGWEFT, "run", str(script), "--port", "80"])

    assert done.code == 3
    assert [line["message"] for line in done.lines] == ["__main__ imported ['--port', '80']"]


def test_a_module_runs_unmodified(tmp_path: Path) -> None:
    """A module under `run -m` is found in the working directory and is __main__."""
    (tmp_path / "app.py").write_text(
        "import logging, sys\nlogging.warning('%s %s', __name__, sys.argv[1:])\n"
    )

    done = run_command([*LOGWEFT, "run", "-m", "app", "-m", "x"], cwd=tmp_path)

    assert done.code == 0
    assert [line["message"] for line in done.lines] == ["__main__ ['-m', 'x']"]


def test_an_uncaught_exception_keeps_its_exit_code(tmp_path: Path) -> None:
    """A script that dies of an exception exits with 1, its traceback one line."""
    script = tmp_path / "app.py"
    script.write_text("raise ValueError('boom')\n")

    done = run_command([*LOGWEFT, "run", str(script)])

    assert done.code == 1
    assert [line["exception"]["message"] for line in done.lines] == ["boom"]


def test_a_missing_script_is_wrong_usage() -> None:
    """A script that is not there gives exit code 2 and says what to do."""
    done = run_command([*LOGWEFT, "run", "no_such_file.py"])

    assert done.code == 2
    assert done.err == "logweft: no such file: no_such_file.py; a module needs -m\n"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (["-m", "nomod"], "No module named nomod"),
        (["-m", "json.nomod"], "No module named json.nomod"),
        (["-m", "json"], "'json' is a package and cannot be directly executed"),
        (["."], "can't find '__main__' module in '.'"),
    ],
)
def test_what_cannot_be_run_is_wrong_usage(program: list[str], told: str, tmp_path: Path) -> None:
    """A module that is not there, or a folder without __main__.py, gives one line and code 2."""
    done = run_command([*LOGWEFT, "run", *program], cwd=tmp_path)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("logweft: ")
    assert done.err.endswith(f"{told}\n")
    assert done.err.count("\n") == 1


def test_run_needs_a_program_alone() -> None:
    """`run` without a program asks for that, and not for arguments."""
    done = run_command([*LOGWEFT, "run"])

    assert done.code == 2
    assert "required: program\n" in done.err


@pytest.mark.parametrize("way", [["app.py"], ["-m", "app"], ["-m", "pkg.app"], ["."]])
def test_the_trace_of_a_run_is_the_programs(way: list[str], tmp_path: Path) -> None:
    """The trace of an uncaught exception begins with the program's first frame."""
    text = "def f():\n    raise ValueError('boom')\n\n\nf()\n"
    (tmp_path / "pkg").mkdir()
    for name in ("app.py", "__main__.py", "pkg/app.py"):
        (tmp_path / name).write_text(text)

    done = run_command([*LOGWEFT, "run", *way], cwd=tmp_path)

    (line,) = done.lines
    frames = [each for each in line["exception"]["stack_trace"].split("\n") if "File" in each]
    assert done.code == 1
    assert [frame.rpartition(", line ")[2] for frame in frames] == ["5, in <module>", "2, in f"]


def test_an_import_that_fails_in_a_run_is_the_programs_own(tmp_path: Path) -> None:
    """An ImportError of the program is its own traceback and exit code, not wrong usage."""
    (tmp_path / "app.py").write_text("import no_such_dependency\n")

    done = run_command([*LOGWEFT, "run", "-m", "app"], cwd=tmp_path)

    assert done.code == 1
    assert [line["exception"]["type"] for line in done.lines] == ["ModuleNotFoundError"]


def test_a_hook_of_the_program_has_its_exception(tmp_path: Path) -> None:
    """A program's own sys.excepthook gets the exception; its objects live on until the exit."""
    (tmp_path / "app.py").write_text(
        "import atexit, sys\n"
        "class Gone:\n"
        "    def __del__(self): print('gone')\n"
        "gone = Gone()\n"
        "atexit.register(print, 'exit')\n"
        "sys.excepthook = lambda kind, error, tb: print(kind.__name__, error, tb.tb_lineno)\n"
        "raise ValueError('boom')\n"
    )

    done = run_command([*LOGWEFT, "run", "app.py"], cwd=tmp_path)

    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[:2] == ["ValueError boom 7", "exit"]  # and then, maybe, "gone"


@pytest.mark.parametrize("command", [["run", "app.py"], ["doctor"]])
def test_a_bad_variable_is_one_line(command: list[str], tmp_path: Path) -> None:
    """A LOGWEFT_ variable that is refused gives one line that names it, and exit code 2."""
    (tmp_path / "app.py").write_text("print('begun')\n")

    done = run_command([*LOGWEFT, *command], cwd=tmp_path, env={"LOGWEFT_LEVEL": "LOUD"})

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("logweft: LOGWEFT_LEVEL: level must be ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            "service='x', trust='never'",
            ", or drop this install() and set LOGWEFT_SERVICE, LOGWEFT_TRUST",
        ),
        ("{'version': 1}", ""),
    ],
)
def test_install_with_other_options_under_run(call: str, told: str, tmp_path: Path) -> None:
    """install() with other options under `run` says that `run` began it, and what to do."""
    (tmp_path / "app.py").write_text(f"import logweft\nlogweft.install({call})\n")

    done = run_command([*LOGWEFT, "run", "app.py"], cwd=tmp_path)

    assert done.lines[0]["exception"]["message"] == (
        "`logweft run` has installed logweft with other options: "
        f"start the program without it{told}"
    )


def test_options_come_from_the_environment(tmp_path: Path) -> None:
    """`run` takes its options from LOGWEFT_ variables."""
    script = tmp_path / "app.py"
    script.write_text("import logging\nlogging.getLogger('app').debug('x')\n")

    done = run_command(
        [*LOGWEFT, "run", str(script)],
        env={"LOGWEFT_LEVEL": "debug", "LOGWEFT_SERVICE": "shop", "LOGWEFT_STREAM": "stdout"},
    )

    assert [(line["level"], line["service"]) for line in parse(done.out)] == [("DEBUG", "shop")]


def test_a_run_is_one_piece_of_work(tmp_path: Path) -> None:
    """A program's lines share a new ID, or that of the TRACEPARENT in its environment."""
    script = tmp_path / "app.py"
    script.write_text("import logging\nlogging.warning('a')\nlogging.warning('b')\n")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    minted = run_command([*LOGWEFT, "run", str(script)]).lines
    adopted = run_command(
        [*LOGWEFT, "run", str(script)], env={"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}
    ).lines

    assert len({line["correlation_id"] for line in minted}) == 1
    assert [line["correlation_id"] for line in adopted] == [trace, trace]


def test_the_demo_shows_the_main_job() -> None:
    """The demo writes JSON lines with one ID and no secret."""
    done = run_command([*LOGWEFT, "demo"])
    lines = parse(done.out)

    assert done.code == 0
    assert len(lines) == 6
    assert [line.get("correlation_id") for line in lines] == ["order-1"] * 4 + [None] * 2
    assert "hunter2" not in done.out
    assert "s3cr3t" not in done.out


# scan

PASSWORD = "hunter2-k7"


def scan(*arguments: str, cwd: Path | None = None, stdin: str | None = None) -> Finished:
    return run_command([*LOGWEFT, "scan", *arguments], cwd=cwd, stdin=stdin)


def test_scan_names_line_rule_and_field(tmp_path: Path) -> None:
    """`scan` prints file, line, rule and field of each secret, never the secret, and exits 1."""
    aws = "AKIA" + "IOSFODNN7EXAMPLE"
    (tmp_path / "app.log").write_text(
        f'{{"message":"ok","user":{{"password":"{PASSWORD}","tags":["a","key {aws}"]}}}}\n'
        '{"message":"fine","max_tokens":512,"password":"[redacted]","token":null}\n'
        "\n"
        f"2026-01-01 INFO login token={PASSWORD} for ada@mail.example.com\n"
        "2026-01-01 INFO token=[redacted]\n"
        f'2026-01-01 INFO body {{"api_key": "{PASSWORD}"}}\n'
        f'{{"headers":[["authorization","Bearer {PASSWORD}"]],"at {aws}":1}}\n'
        "-----BEGIN RSA PRIVATE KEY-----\n"
    )

    done = scan("app.log", cwd=tmp_path)

    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "app.log:1: name (user.password)",
        "app.log:1: aws (user.tags[1])",
        "app.log:4: name",
        "app.log:4: email",
        "app.log:6: name",
        "app.log:7: name (headers[0][1])",
        "app.log:7: aws (at [redacted])",
        "app.log:8: private_key",
    ]


def test_scan_of_our_own_lines_finds_nothing(tmp_path: Path) -> None:
    """What logweft has written has no secret left, whatever was logged."""
    lines = run(
        "import logging, logweft\n"
        "logweft.install(redact={'rules': {'name': 'mask', 'email': 'hash'}})\n"
        f"log = logging.getLogger('app')\n"
        f"log.warning('password=%s to %s', '{PASSWORD}', 'ada@mail.example.com')\n"
        f"log.warning('x', extra={{'api_key': '{PASSWORD}', 'n': [{{'token': '{PASSWORD}'}}]}})\n"
    ).err
    (tmp_path / "app.log").write_text(lines)

    assert scan("app.log", cwd=tmp_path)[:2] == (0, "")


def test_scan_reads_standard_input_and_several_files(tmp_path: Path) -> None:
    """`-` is standard input; each finding names its own file; one without a secret is silent."""
    (tmp_path / "good.log").write_text("fine\n")
    (tmp_path / "bad.log").write_text(f"fine\npassword={PASSWORD}")

    done = scan("good.log", "-", "bad.log", cwd=tmp_path, stdin=f"password={PASSWORD}\n")

    assert (done.code, done.out) == (1, "-:1: name\nbad.log:2: name\n")


def test_scan_goes_on_after_a_file_it_cannot_read(tmp_path: Path) -> None:
    """A file that is not there, or a folder, gives exit code 2; the others are read."""
    (tmp_path / "bad.log").write_text(f"password={PASSWORD}\n")

    done = scan("no.log", ".", "bad.log", cwd=tmp_path)

    assert (done.code, done.out) == (2, "bad.log:1: name\n")
    assert done.err == ("logweft: no.log: No such file or directory\nlogweft: .: Is a directory\n")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-32", "cp1252"]
)
def test_scan_reads_any_encoding(encoding: str, tmp_path: Path) -> None:
    """A secret is found in a file of any encoding, with or without a byte order mark."""
    text = f"größe café\npassword={PASSWORD}\n"
    (tmp_path / "app.log").write_bytes(text.encode(encoding))

    done = scan("app.log", cwd=tmp_path)

    assert (done.code, done.out) == (1, "app.log:2: name\n")


def test_scan_reads_what_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no text, broken or deep JSON and huge numbers are read to the end."""
    (tmp_path / "app.log").write_bytes(
        bytes(range(256)) + b"\n"
        b'{"a": ' + b"[" * 5000 + b"\n" + b"[" * 5000 + b"]" * 5000 + b"\n"
        b'{"n": ' + b"9" * 5000 + b"}\n" + f"password={PASSWORD}\n".encode()
    )

    done = scan("app.log", cwd=tmp_path)

    # The first 256 bytes hold a line feed. From 3.12 on, JSON of that depth is parsed, which is
    # deeper than a value is followed: that is said.
    out = done.out.replace("app.log:4: unreadable\n", "")
    assert (done.code, out, done.err) == (1, "app.log:6: name\n", "")


def test_scan_takes_constant_memory(tmp_path: Path) -> None:
    """A file far above the memory allowed, its first half one line, is read to its end."""
    words = b"one word and another " * 50_000
    with open(tmp_path / "long.log", "wb") as file:
        for _ in range(40):
            file.write(words)
        file.write(f" password={PASSWORD}\n".encode())
        for _ in range(8):
            file.write(words.replace(b" and", b"\n"))
    program = (
        "import resource, sys\n"
        "from logweft.__main__ import main\n"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "code = main(['scan', 'long.log'])\n"
        "print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) // 1024 < 32)\n"
    )

    done = run(program, cwd=tmp_path)

    assert (done.out, done.err) == ("long.log:1: name\n1 True\n", "")


def test_scan_finds_what_stands_across_a_cut(tmp_path: Path) -> None:
    """A secret in a long line is found wherever it stands, once a line."""
    piece = 1 << 20
    for place in (piece - 5, piece - 20, 2 * piece - 12):
        begin = " ".join(["word"] * (place // 5))
        (tmp_path / "app.log").write_text(f"{begin:<{place}} password={PASSWORD} {begin}\nfine\n")
        assert scan("app.log", cwd=tmp_path).out == "app.log:1: name\n"


def test_scan_leaves_out_a_rule() -> None:
    """`--without email` leaves e-mail addresses out; an unknown rule is wrong usage."""
    text = "to ada@mail.example.com\n"

    assert scan("-", stdin=text).code == 1
    assert scan("-", "--without", "email", stdin=text)[:2] == (0, "")
    assert scan("-", "--without", "nope", stdin=text).code == 2


# doctor


def doctor(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Finished:
    return run_command([*LOGWEFT, "doctor", *arguments], cwd=cwd, env=env)


SETTINGS = """
import logging, sys
import logweft

def plain():
    logging.basicConfig(format="%(message)s")

def ours():
    wanted = ["threading", "multiprocessing"]
    logweft.install(
        service="shop",
        stream=sys.stdout,
        redact={"hash_key": "no-such-key"},
        integrations=wanted,
    )

def filtered():
    class Vendor(logging.Formatter):
        pass  # somebody's own, by its type
    handler = logging.StreamHandler()
    handler.setFormatter(Vendor())
    handler.addFilter(logweft.RedactionFilter())
    logging.root.addHandler(handler)
"""


def test_doctor_shows_what_is_installed(tmp_path: Path) -> None:
    """`doctor` prints versions, options without secrets, handlers, integrations and the queue."""
    (tmp_path / "settings.py").write_text(SETTINGS)

    done = doctor("settings:ours", cwd=tmp_path)

    rows = [line.split() for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert f"CPython {platform.python_version()}" in done.out.splitlines()[0]
    assert ["service", "shop"] in rows
    assert ["redact", "on,", "with", "hash_key"] in rows
    assert "no-such-key" not in done.out
    assert "StreamHandler of logger 'root'  <stdout>  ours (JsonFormatter)" in done.out
    assert ["threading", "on", "threading", "is", "imported"] in rows
    assert ["multiprocessing", "on", "once", "it", "is", "imported"] in rows
    assert ["starlette", "off", "not", "selected"] in rows
    assert ["accepted", "0"] in rows


def test_doctor_installs_where_nothing_is_named() -> None:
    """Without a program, `doctor` shows what plain `install()` gives."""
    done = doctor()

    assert done.code == 0
    assert "StreamHandler of logger 'root'  <stderr>  ours (JsonFormatter), behind" in done.out


def test_doctor_says_that_nothing_is_installed(tmp_path: Path) -> None:
    """Where the program does not install, its own handlers are shown, and integrations are off."""
    (tmp_path / "settings.py").write_text(SETTINGS)

    done = doctor("settings:plain", cwd=tmp_path)

    assert done.out.splitlines()[1] == "install() has not been called"
    assert "StreamHandler of logger 'root'  <stderr>  its own (Formatter)" in done.out
    assert "off  not installed" in done.out


def test_the_canary_finds_a_leak(tmp_path: Path) -> None:
    """`doctor --canary` names handler, way and category of each leak, and exits with 1."""
    (tmp_path / "settings.py").write_text(SETTINGS)

    done = doctor("--canary", "settings:plain", cwd=tmp_path)

    assert (done.code, done.err) == (1, "")
    assert "[1] StreamHandler of logger 'root'\n" in done.out
    assert "leak: StreamHandler of logger 'root': message: password, api key, secret" in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("cause "))
    assert row.split()[2] == "leaks"


@pytest.mark.parametrize("program", [[], ["settings:ours"], ["settings:filtered"]])
def test_the_canary_passes(program: list[str], tmp_path: Path) -> None:
    """With install(), plain or the program's, or a RedactionFilter, nothing leaks or is written."""
    (tmp_path / "settings.py").write_text(SETTINGS)

    done = doctor("--canary", *program, cwd=tmp_path)

    assert (done.code, done.err) == (0, "")
    rows = [line.rsplit(maxsplit=1) for line in done.out.splitlines()[3:]]
    assert ["third-party logger", "ok"] in rows
    assert {row[1] for row in rows} == {"ok"}


@pytest.mark.parametrize("program", ["no_such_module", "settings:no_such", "settings:plain.no"])
def test_doctor_of_a_program_that_is_not_there(program: str, tmp_path: Path) -> None:
    """A module or function that is not there gives exit code 2 and one line."""
    (tmp_path / "settings.py").write_text(SETTINGS)

    done = doctor(program, cwd=tmp_path)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"logweft: {program} is not there: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("import settings.more", "ModuleNotFoundError: No module named 'settings.more'"),
        ("import json\njson.no_such", "AttributeError: module 'json' has no attribute 'no_such'"),
        ("raise KeyError('password=hunter2')", "KeyError: 'password=[redacted]'"),
        ("def f(:", "SyntaxError: invalid syntax (settings.py, line 1)"),
    ],
)
def test_doctor_shows_the_programs_own_error(text: str, told: str, tmp_path: Path) -> None:
    """An import that fails inside the program is its own traceback, a sentence, and code 2."""
    (tmp_path / "settings.py").write_text(text)

    done = doctor("--canary", "settings", cwd=tmp_path)

    assert (done.code, done.out) == (2, "")
    *trace, sentence = done.err.splitlines()
    assert sentence.startswith(f"logweft: importing settings raised {told.partition(';')[0]}")
    assert any("settings.py" in line for line in trace)
    assert not any("logweft" in line or "importlib" in line for line in trace)


def test_doctor_says_what_the_function_raised(tmp_path: Path) -> None:
    """A function that raises, or leaves with SystemExit, configures nothing: exit code 2."""
    (tmp_path / "settings.py").write_text(
        "import sys\ndef fails():\n    raise ValueError('boom')\ndef leaves():\n    sys.exit()\n"
    )

    fails, leaves = (doctor(f"settings:{name}", cwd=tmp_path) for name in ("fails", "leaves"))

    assert (fails.code, leaves.code) == (2, 2)
    assert fails.err.endswith("logweft: calling settings:fails raised ValueError: boom\n")
    assert leaves.err == "logweft: calling settings:leaves raised SystemExit\n"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("json:__doc__", "json:__doc__ must be a function that configures logging, got str"),
        (":x", ":x names no module: write MODULE or MODULE:FUNCTION"),
        ("..x", "..x names no module: write MODULE or MODULE:FUNCTION"),
        ("app.py", "app.py is a file, and a module is imported: write `app`"),
        ("pkg/app.py", "pkg/app.py is a file, and a module is imported: write `pkg.app`"),
        ("../app.py", "../app.py is a file, and a module is imported: write `app`, in its folder"),
    ],
)
def test_doctor_of_what_is_no_module(program: str, told: str, tmp_path: Path) -> None:
    """What cannot be a module or a function gives exit code 2, one line, and runs nothing."""
    (tmp_path / "app.py").write_text("print('begun')\n")

    done = doctor(program, cwd=tmp_path)

    assert (done.code, done.out, done.err) == (2, "", f"logweft: {told}\n")


def test_doctor_shows_whom_it_trusts_and_tells() -> None:
    """`doctor` has a row each for trust, id_headers and propagate_to."""
    variables = {"TRUST": "10.0.0.0/8,fe80::/64", "ID_HEADERS": "X-Id", "PROPAGATE_TO": "*.x,y"}

    done = doctor(env={f"LOGWEFT_{name}": value for name, value in variables.items()})

    rows = [line.split(maxsplit=1) for line in done.out.splitlines()]
    assert ["trust", "10.0.0.0/8, fe80::/64"] in rows
    assert ["id_headers", "x-id"] in rows
    assert ["propagate_to", "*.x, y"] in rows
    assert "Policy" not in done.out
    assert ["trust", "always"] in [line.split() for line in doctor().out.splitlines()]


def test_doctor_names_unknown_variables() -> None:
    """A LOGWEFT_ variable that no option has is named by `doctor`, and breaks nothing."""
    done = doctor(env={"LOGWEFT_LEVLE": "debug", "LOGWEFT_PORT_80_TCP": "1", "LOGWEFT_FAST": "1"})

    lines = [line for line in done.out.splitlines() if line.startswith("LOGWEFT")]
    assert (done.code, done.err) == (0, "")
    assert lines == [
        "LOGWEFT_LEVLE is no variable of logweft, and does nothing; did you mean LOGWEFT_LEVEL?",
        "LOGWEFT_PORT_80_TCP is no variable of logweft, and does nothing",
    ]


@pytest.mark.parametrize("command", [["doctor"], ["doctor", "--canary"], ["scan", "app.log"]])
def test_a_reader_that_leaves_ends_a_command_quietly(command: list[str], tmp_path: Path) -> None:
    """Where the reader of its output has left, a command ends without a word, and not with 1."""
    (tmp_path / "app.log").write_text(f"password={PASSWORD}\n" * 2000)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as out:
        done = subprocess.run(
            [*LOGWEFT, *command],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stderr) == (141, b"")
