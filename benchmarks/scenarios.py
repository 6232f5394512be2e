"""
What is logged: each scenario is a call written once and spelt in each library's own way.

A library with another way of calling gets that call compiled, and no adapter between, so that
nobody pays for a wrapper. What a right line has to hold is evaluated from the same text.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

CONTEXT = {"tenant": "acme", "region": "eu-north-1"}
"""The two bound fields."""

SECRET = "correct-horse-battery-7"
ORDINARY = 500
"""Ordinary lines of libraries, in a fixed order (lines)."""

Run = Callable[[Any, Iterable[int]], None]


class Call(NamedTuple):
    """A log call: %-message, source text of its arguments, names and source text of its fields."""

    message: str
    args: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    level: str = "info"
    is_f_string: bool = False

    def text(self) -> str:
        """Return the source of the formatted message, as an f-string where there are arguments."""
        if self.is_f_string or not self.args:
            return f"{'f' if self.is_f_string else ''}{self.message!r}"
        return "f'" + self.message % tuple(f"{{{arg}}}" for arg in self.args) + "'"

    def spelt(self, dialect: str) -> str:
        """Return the call as the users of a library write it, on the name ``log``."""
        pairs = ", ".join(f"{name}={source}" for name, source in self.fields)
        extra = ", ".join(f"{name!r}: {source}" for name, source in self.fields)
        extra = f"extra={{{extra}}}" if extra else ""
        message = (
            self.message if dialect.startswith("percent") else self.message.replace("%s", "{}")
        )
        positional = [self.text() if self.is_f_string else repr(message), *self.args]
        parts = {
            "percent, extra": [*positional, extra],
            "percent, keywords": [*positional, pairs],
            "braces, extra": [*positional, extra],
            "braces, keywords": [*positional, pairs],
            "formatted, keywords": [self.text(), pairs],
        }[dialect]
        return f"log.{self.level}({', '.join(filter(None, parts))})"


class Scenario(NamedTuple):
    """
    A call and what stands around it.

    Attributes:
        lines: what a call writes.
        burst: calls in a burst.
        warm_up: bursts before the first that is measured.
    """

    title: str
    call: Call
    body: str = "{call}"
    lines: int = 1
    burst: int = 100
    warm_up: int = 2


_LOREM = "lorem ipsum dolor sit amet "
_TEXTS = {"LONG": _LOREM * 296, "LONGER": _LOREM * 3704}

_HEADLINE = Call(
    "User %s logged in from %s",
    ("i", '"192.168.1.1"'),
    (("user_id", "12345"), ("success", "True")),
)

SCENARIOS = {
    "headline": Scenario("two arguments, two extras, two bound fields", _HEADLINE),
    "disabled": Scenario(
        "a level that is off",
        _HEADLINE._replace(level="debug"),
        lines=0,
        burst=10_000,
    ),
    "fresh": Scenario(
        "new values in every call, a path and a float among four extras",
        Call(
            "User %s uploaded %s",
            ("i", 'f"scan-{i}.pdf"'),
            (
                ("user_id", "700_000_000 + i"),
                ("path", 'f"/srv/uploads/2026/11/{i}/scan.pdf"'),
                ("seconds", "i / 7"),
                ("success", "i % 3 == 0"),
            ),
        ),
    ),
    "f-string": Scenario("an f-string", Call("order {i} packed in {i % 60} s", is_f_string=True)),
    "constant": Scenario("no arguments", Call("connection pool is empty, waiting")),
    "nested": Scenario(
        "ten extras, two of them nested",
        Call(
            "order %s placed",
            ("i",),
            (
                ("order_id", "i"),
                ("customer_id", "12345"),
                ("currency", '"EUR"'),
                ("amount", "99.5"),
                ("is_gift", "False"),
                ("coupon", '"AUTUMN"'),
                ("channel", '"web"'),
                ("attempts", "3"),
                ("ship_to", '{"city": "Oslo", "zip": "0150", "floor": 4}'),
                (
                    "items",
                    '[{"sku": "A-17", "quantity": 2, "tags": ["new", "sale"]}, '
                    '{"sku": "B-4", "quantity": 1, "tags": []}]',
                ),
            ),
        ),
    ),
    # All 500 of them four times, so that each of the call sites has been there before.
    "ordinary": Scenario("lines as libraries write them", Call(""), warm_up=20),
    "secret": Scenario(
        "the headline with a secret in the text and one in a field",
        Call(
            "User %s logged in, password=%s",
            ("i", f'"{SECRET}"'),
            (("user_id", "12345"), ("api_key", f'"{SECRET}"')),
        ),
    ),
    "exception": Scenario(
        "an exception with its traceback, four frames",
        Call("order %s failed", ("i",), (("user_id", "12345"),), level="exception"),
        "try:\n            charge(i)\n        except ValueError:\n            {call}",
        burst=10,
    ),
    "threads": Scenario("the headline from 8 threads", _HEADLINE),
    "tasks": Scenario("the headline from 1,000 asyncio tasks", _HEADLINE),
    "long": Scenario(
        "a message of 8,000 characters",
        Call("report %s: %s", ("i", "LONG")),
        burst=20,
    ),
    "longer": Scenario(
        "a message of 100,000 characters, which may be cut",
        Call("report %s: %s", ("i", "LONGER")),
        burst=2,
    ),
}

_HERE = Path(__file__).parent

_FAILING = """
def charge(i):
    return reserve(i, amount=99.5)

def reserve(i, amount):
    return check(i, amount)

def check(i, amount):
    if amount > 0:
        raise ValueError(f"order {i}: card refused")
"""


def _compiled(source: str, filename: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "shop.orders", **_TEXTS}
    exec(compile(source, filename, "exec"), names)
    return names


class Compiled(NamedTuple):
    """A scenario in a library's spelling."""

    run: Run
    timed: Callable[[Any, Iterable[int], Callable[[], int], Callable[[int], None]], None]
    expected: Callable[[int], tuple[str, dict[str, Any]]]
    lines: int
    sites: dict[str, int]


def prepare(name: str, dialect: str, logger: Callable[[str], Any]) -> Compiled:
    """Return the scenario *name* in *dialect*; *logger* is the library's ``getLogger``."""
    if name == "ordinary":
        return _prepare_ordinary(dialect, logger)
    scenario = SCENARIOS[name]
    body = scenario.body.replace("{call}", scenario.call.spelt(dialect))
    source = (
        "def run(log, numbers):\n"
        "    for i in numbers:\n"
        f"        {body}\n"
        "def timed(log, numbers, clock, note):\n"
        "    for i in numbers:\n"
        "        began = clock()\n"
        f"        {body}\n"
        "        note(clock() - began)\n"
    )
    names = _compiled(source + _FAILING, str(_HERE / f"{name}.py"))
    lines = [at for at, text in enumerate(source.splitlines(), 1) if "log." in text]
    message = compile(scenario.call.text(), "message", "eval")
    pairs = ", ".join(f"{key!r}: {text}" for key, text in scenario.call.fields)
    fields = compile(f"{{{pairs}}}", "fields", "eval")

    def expected(i: int) -> tuple[str, dict[str, Any]]:
        names = {"i": i, **_TEXTS}
        return eval(message, names), eval(fields, names)

    return Compiled(
        names["run"],
        names["timed"],
        expected,
        scenario.lines,
        dict(zip(("run", "timed"), lines, strict=True)),
    )


# logger|message|names of the values, as the libraries write them at INFO and DEBUG.
_LIBRARIES = """
uvicorn.error|Started server process [%s]|pid
uvicorn.error|Waiting for application startup.|
uvicorn.error|Application startup complete.|
uvicorn.error|Uvicorn running on %s://%s:%s (Press CTRL+C to quit)|scheme ip port
uvicorn.access|%s - "%s %s HTTP/%s" %s|peer method path http status
uvicorn.access|%s - "%s %s HTTP/%s" %s|peer method query http status
uvicorn.access|%s - "%s %s HTTP/%s" %s|peer method uuidpath http status
uvicorn.access|%s - "%s %s HTTP/%s" %s|peer method path http status
uvicorn.error|%s - "WebSocket %s" [accepted]|peer path
uvicorn.error|connection closed|
gunicorn.access|%s - - [22/Nov/2026:10:11:12 +0000] "%s %s HTTP/1.1" %s %s "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"|ip method path status size
gunicorn.error|Booting worker with pid: %s|pid
django.server|"%s %s HTTP/1.1" %s %s|method path status size
django.server|"%s %s HTTP/1.1" %s %s|method query status size
django.request|Not Found: %s|path
django.request|Bad Request: %s|path
django.request|Method Not Allowed (%s): %s|method path
django.db.backends|(%s) SELECT "shop_order"."id", "shop_order"."state", "shop_order"."total" FROM "shop_order" WHERE "shop_order"."customer_id" = %s ORDER BY "shop_order"."id" DESC LIMIT 21; args=(%s,); alias=default|seconds number number
django.db.backends|(%s) UPDATE "shop_order" SET "state" = %s WHERE "shop_order"."id" = %s; args=(%s, %s); alias=default|seconds word number word number
django.utils.autoreload|Watching for file changes with %s|reloader
sqlalchemy.engine.Engine|BEGIN (implicit)|
sqlalchemy.engine.Engine|COMMIT|
sqlalchemy.engine.Engine|SELECT orders.id, orders.customer_id, orders.total, orders.created_at FROM orders WHERE orders.id = ? LIMIT ? OFFSET ?|
sqlalchemy.engine.Engine|INSERT INTO orders (customer_id, total, state) VALUES (?, ?, ?) RETURNING id|
sqlalchemy.engine.Engine|[generated in %ss] (%s, %s, 'open')|seconds number number
sqlalchemy.engine.Engine|[cached since %ss ago] (%s, 1, 0)|seconds number
sqlalchemy.pool.impl.QueuePool|Connection %s checked out from pool|connection
sqlalchemy.pool.impl.QueuePool|Connection %s being returned to pool|connection
celery.worker.strategy|Task %s[%s] received|task uuid
celery.app.trace|Task %s[%s] succeeded in %ss: %s|task uuid seconds result
celery.app.trace|Task %s[%s] retry: Retry in %ss|task uuid number
celery.worker.consumer.connection|Connected to %s|broker
celery.apps.worker|%s ready.|worker
celery.beat|Scheduler: Sending due task %s (%s)|word task
kombu.connection|Start from server, version: 0.9, properties: {product: RabbitMQ, platform: Erlang/OTP 26}, mechanisms: [PLAIN], locales: [en_US]|
botocore.credentials|Found credentials in environment variables.|
botocore.endpoint|Making request for OperationModel(name=%s) with params: method=%s url=%s|operation method s3url
botocore.parsers|Response headers: x-amz-request-id=%s date=Sun, 22 Nov 2026 10:11:12 GMT content-length=%s|hex16 size
botocore.hooks|Event request-created.s3.%s: calling handler <bound method RequestSigner.handler of <botocore.signers.RequestSigner object at 0x7f%s>>|operation hex10
botocore.retryhandler|No retry needed.|
urllib3.connectionpool|Starting new HTTPS connection (%s): %s:443|small host
urllib3.connectionpool|https://%s:443 "%s %s HTTP/1.1" %s %s|host method path status size
httpx|HTTP Request: %s %s "HTTP/1.1 %s OK"|method url status
httpx|HTTP Request: %s %s "HTTP/1.1 %s OK"|method uuidurl status
httpcore.connection|connect_tcp.started host=%s port=443 local_address=None timeout=%s|host number
asyncio|Using selector: EpollSelector|
alembic.runtime.migration|Running upgrade %s -> %s, add index to orders|hex12 hex12
redis|connected to %s:6379, %s idle|host small
kafka.conn|<BrokerConnection node_id=%s host=%s:9092>: Connection complete.|small host
shop.orders|order %s shipped to %s in %s days|uuid city small
shop.orders|payment of %s EUR for order %s accepted|amount number
shop.search|%s results for query in %s ms|number amount
"""


def _values() -> dict[str, Callable[[], Any]]:
    """Return what draws a value of each name, the same ones every time."""
    draw = random.Random(6)
    pick = draw.choice

    def new_uuid() -> str:
        return str(uuid.UUID(int=draw.getrandbits(128), version=4))

    def new_hex(digits: int) -> str:
        return f"{draw.getrandbits(digits * 4):0{digits}x}"

    def ip() -> str:
        return f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"

    hosts = ("api.example.com", "search-3.internal", "shop.s3.eu-north-1.amazonaws.com")
    paths = (
        "/",
        "/health",
        "/v1/orders",
        "/v1/orders/17/items",
        "/static/app.css",
        "/admin/login/",
    )
    return {
        "pid": lambda: draw.randrange(2, 32768),
        "small": lambda: draw.randrange(1, 30),
        "number": lambda: draw.randrange(1, 90_000_000),
        "size": lambda: draw.randrange(0, 90_000),
        "port": lambda: draw.randrange(1024, 65535),
        "seconds": lambda: f"{draw.random():.5f}",
        "amount": lambda: draw.randrange(100, 99_999) / 100,
        "ip": ip,
        "peer": lambda: f"{ip()}:{draw.randrange(1024, 65535)}",
        "scheme": lambda: "http",
        "http": lambda: pick(("1.1", "2")),
        "method": lambda: pick(("GET", "GET", "POST", "PUT")),
        "status": lambda: pick((200, 200, 201, 204, 304, 404)),
        "path": lambda: pick(paths),
        "query": lambda: f"/v1/orders?page={draw.randrange(99)}&limit=50&sort=-created_at",
        "uuidpath": lambda: f"/v1/orders/{new_uuid()}",
        "url": lambda: f"https://{pick(hosts)}{pick(paths)}?page={draw.randrange(99)}",
        "uuidurl": lambda: f"https://{pick(hosts)}/v1/customers/{new_uuid()}/orders",
        "s3url": lambda: f"https://shop.s3.eu-north-1.amazonaws.com/images/{new_hex(8)}.png",
        "host": lambda: pick(hosts),
        "uuid": new_uuid,
        "hex10": lambda: new_hex(10),
        "hex12": lambda: new_hex(12),
        "hex16": lambda: new_hex(16).upper(),
        "word": lambda: pick(("open", "paid", "packed", "nightly-report")),
        "city": lambda: pick(("Oslo", "Bergen", "Tromsø")),
        "task": lambda: pick(("shop.tasks.send_mail", "shop.tasks.resize", "shop.tasks.report")),
        "result": lambda: pick(("None", "True", "{'sent': 3}")),
        "broker": lambda: "amqp://broker-1.internal:5672//",
        "worker": lambda: f"celery@{new_hex(12)}",
        "operation": lambda: pick(("GetObject", "PutObject", "ListObjectsV2")),
        "connection": lambda: f"<sqlite3.Connection object at 0x7f{new_hex(10)}>",
        "reloader": lambda: "StatReloader",
    }


def _prepare_ordinary(dialect: str, logger: Callable[[str], Any]) -> Compiled:
    """Compile a function for each template: in a program each line has a call site of its own."""
    draw = _values()
    rows = []
    for number, row in enumerate(_LIBRARIES.strip().splitlines()):
        name, _, rest = row.partition("|")
        message, _, values = rest.rpartition("|")
        names = [f"v{at}" for at in range(len(values.split()))]
        call = Call(message, tuple(names))
        # A message with braces has to survive being made an f-string or a str.format template.
        if dialect != "percent, extra" and ("{" in message or "'" in message):
            call = call._replace(
                message=message.replace("{", "(").replace("}", ")").replace("'", "`")
            )
        source = (
            f"def emit(log{''.join(', ' + each for each in names)}):\n    {call.spelt(dialect)}\n"
        )
        path = str(_HERE / "site-packages" / name.split(".")[0] / f"module_{number}.py")
        rows.append((_compiled(source, path)["emit"], logger(name), call.message, values.split()))
    lines = []
    for number in range(ORDINARY):
        emit, log, message, names = rows[number % len(rows)]
        values = tuple(draw[each]() for each in names)
        lines.append((emit, log, values, message % values if values else message))
    calls = [line[:3] for line in lines]

    def run(log: Any, numbers: Iterable[int]) -> None:
        for i in numbers:
            emit, log, values = calls[i % ORDINARY]
            emit(log, *values)

    def timed(log: Any, numbers: Iterable[int], clock: Any, note: Any) -> None:
        for i in numbers:
            emit, log, values = calls[i % ORDINARY]
            began = clock()
            emit(log, *values)
            note(clock() - began)

    return Compiled(run, timed, lambda i: (lines[i % ORDINARY][3], {}), 1, {"emit": 2})
