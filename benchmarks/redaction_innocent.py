"""
Innocent log lines that look as if they held a secret, or that scrubbers are known to maul.

`innocents(seed)` fills the templates below with random values. The format strings named after a
library are that library's; the kinds follow the complaints in the trackers of scrubbers: ids as
card numbers, counts of tokens, prose about passwords, names of settings.
"""

from __future__ import annotations

import hashlib
import linecache
import logging
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .redaction_corpus import SEED, Maker

Values = dict[str, Any]


class Innocent(NamedTuple):
    """A record that has to come out as it went in."""

    id: str
    kind: str
    logger: str
    emit: Callable[[logging.Logger], object]


# kind, logger, template, names of the values; the values are drawn by the functions of `_draw`.
_MESSAGES = r"""
uuid|shop.orders|order %s accepted by %s|uuid uuid
uuid|shop.orders|request %s done in %s ms|uuid small
uuid|azure.core|x-ms-client-request-id: %s|uuid
uuid|shop.users|user_id=%s session started|uuid
uuid|shop.orders|GET /v1/orders/%s/items/%s|uuid uuid
hash|pip._internal|Added hash sha256:%s|sha256
hash|shop.build|commit %s merged into main|sha1
hash|git.cmd|Popen(['git', 'rev-parse', '%s'])|sha1
hash|shop.cache|cache hit for key %s|md5
hash|shop.cache|key=%s hit|md5
hash|shop.files|checksum md5 %s ok|md5
hash|shop.files|digest=%s size=%d|sha256 small
hash|alembic.runtime.migration|Running upgrade %s -> %s, add token table|hex12 hex12
hash|shop.web|ETag: "%s"|md5
hash|shop.web|integrity sha384-%s|sri
hash|shop.tls|fingerprint SHA256:%s|sha256b64
hash|shop.tls|certificate fingerprint %s|colonhex
image|kubelet|Successfully pulled image "registry.example.com/shop/api@sha256:%s" in %s s|sha256 decimal
image|docker.api|pull nginx:1.27.%d@sha256:%s|small sha256
image|containerd|container %s exited with code %d|sha256 small
package|npm|added @babel/core@7.%d.%d, @types/node@22.%d.1|small small small
package|yarn|resolved @angular/cli@~19.%d.%d|small small
package|pip|Collecting shop @ git+https://git.example.com/shop.git@v1.%d.%d|small small
package|git|Cloning into 'shop' from git@github.com:acme/shop-%d.git|small
package|shop.release|version 2.%d.%d+build.%d released|small small large
package|shop.release|python 3.11.%d, openssl 3.0.%d, celery 5.%d.0rc1|small small small
trace|shop.orders|trace_id=%s span_id=%s|hex32 hex16
trace|shop.orders|traceparent: 00-%s-%s-01|hex32 hex16
trace|ddtrace|dd.trace_id=%d dd.span_id=%d|snowflake snowflake
trace|xray|X-Amzn-Trace-Id: Root=1-%s-%s;Sampled=1|hex8 hex24
snowflake|discord.gateway|Shard ID %d has connected to Gateway, guild %d|small snowflake
snowflake|shop.feed|post %d liked by %d|snowflake snowflake
order|shop.orders|order %d packed|luhnorder
order|shop.devices|device imei=%d seen|imei
order|shop.orders|parcel number %s on its way|parcel
order|shop.orders|invoice INV-2026-%d sent, amount %s EUR|large decimal
order|shop.orders|order_id=%d customer_id=%d total=%s|large large decimal
order|shop.stock|ean 40%s price %s|digits11 decimal
order|shop.stock|isbn 978-3-16-%s-0|digits6
time|shop.jobs|started at %d ms, %d us, %d ns|ms us ns
time|shop.jobs|exp=%d iat=%d|s s
time|shop.jobs|next run 2026-11-22T10:11:12.%sZ|digits9
time|shop.jobs|2026-11-22 10:11:12,%s - done in 0:00:%s|digits3 decimal
time|shop.jobs|took %s s, load %s|longfloat longfloat
address|uvicorn.error|Uvicorn running on http://127.0.0.1:%d (Press CTRL+C to quit)|port
address|shop.net|connected to %s:%d from %s|ip port ip
address|shop.net|peer [2001:db8::%s]:%d mac 02:42:ac:11:00:%s|hex4 port hex2
address|celery.worker|celery@%s ready.|hex12
address|sshd|Accepted publickey for deploy from %s port %d ssh2: ED25519 SHA256:%s|ip port sha256b64
address|shop.net|ssh deploy@web-%d uptime|small
phoneless|shop.orders|sku %s-%s-%s restocked|digits3 digits3 digits4
phoneless|shop.orders|build 2026.%d.%d.%d deployed|small small large
uvicorn|uvicorn.access|%s - "GET /v1/orders?page=%d&limit=50 HTTP/1.1" 200|peer small
uvicorn|uvicorn.access|%s - "POST /oauth/token HTTP/1.1" 200|peer
uvicorn|uvicorn.access|%s - "GET /password/reset HTTP/1.1" 302|peer
uvicorn|uvicorn.error|Started server process [%d]|pid
gunicorn|gunicorn.error|Booting worker with pid: %d|pid
django|django.request|Not Found: /accounts/%d/password/|large
django|django.security.csrf|Forbidden (CSRF token missing.): /orders/%d/|large
django|django.security.csrf|Forbidden (CSRF token from POST has incorrect length.): /orders/%d/|large
django|django.security.csrf|Forbidden (CSRF cookie not set.): /orders/%d/|large
django|django.server|"GET /static/admin/js/password.js?v=%s HTTP/1.1" 200 %d|hex8 small
django|django.db.backends|(%s) SELECT "auth_user"."id", "auth_user"."password" FROM "auth_user" WHERE "auth_user"."id" = %d LIMIT 21; args=(7,); alias=default|decimal large
django|django.db.backends|(%s) SELECT "django_session"."session_key" FROM "django_session" WHERE "django_session"."expire_date" > '2026-11-22 10:11:%s'; alias=default|decimal digits2
sql|sqlalchemy.engine.Engine|SELECT users.id, users.password_hash, users.token FROM users WHERE users.id = %%(id_1)s -- %d|large
sql|sqlalchemy.engine.Engine|INSERT INTO sessions (id, token, user_id) VALUES (?, ?, ?) -- %d|large
sql|sqlalchemy.engine.Engine|UPDATE users SET password=$1, updated_at=$2 WHERE id=$3 -- %d|large
sql|sqlalchemy.engine.Engine|UPDATE users SET password=:password WHERE id=:id -- %d|large
sql|sqlalchemy.engine.Engine|[cached since %ss ago] (%d, 'open')|decimal large
sql|asyncpg|CREATE TABLE tokens (id bigint primary key, secret text not null) -- %d|large
sql|asyncpg|ALTER USER app PASSWORD NULL -- run %d|large
celery|celery.app.trace|Task shop.tasks.refresh_tokens[%s] succeeded in %ss: None|uuid longfloat
celery|celery.worker.strategy|Task shop.tasks.send_password_mail[%s] received|uuid
celery|celery.beat|Scheduler: Sending due task rotate-secrets (shop.tasks.rotate) run %d|large
botocore|botocore.hooks|Changing event name from creating-client-class.iot-data to creating-client-class.iot-data-plane (%d)|small
botocore|botocore.credentials|Found credentials in shared credentials file: ~/.aws/credentials (%d)|small
botocore|botocore.credentials|Looking for credentials via: assume-role-with-web-identity (%d)|small
botocore|botocore.retryhandler|No retry needed for request %s|upper16
botocore|botocore.parsers|Response headers: {'x-amzn-RequestId': '%s', 'Content-Length': '%d'}|uuid small
httpx|httpx|HTTP Request: GET https://api.example.com/v1/users/%d "HTTP/1.1 200 OK"|large
httpx|httpx|HTTP Request: POST https://login.example.com/%s/oauth2/v2.0/token "HTTP/1.1 401 Unauthorized"|uuid
httpx|httpx|HTTP Request: GET https://secretmanager.googleapis.com/v1/projects/shop/secrets/db-password/versions/%d "HTTP/1.1 200 OK"|small
httpcore|httpcore.connection|connect_tcp.started host='api.example.com' port=%d local_address=None timeout=5.0|port
urllib3|urllib3.connectionpool|https://api.example.com:443 "GET /v1/tokens?page=%d HTTP/1.1" 200 %d|small large
urllib3|urllib3.connectionpool|Starting new HTTPS connection (%d): vault.example.com:8200|small
kubernetes|kubelet|MountVolume.SetUp succeeded for volume "kube-api-access-%s" pod %s|lower5 uuid
kubernetes|kubelet|secret "db-credentials" not found in namespace shop-%d|small
kubernetes|kubernetes.client.rest|GET /api/v1/namespaces/shop/secrets/tls-cert-%d 200|small
kubernetes|kubernetes|Warning BackOff pod/api-%s-%s Back-off restarting failed container|hex10 lower5
kubernetes|kubernetes|ServiceAccount token will expire in %d s|small
path|shop.files|reading /etc/shop/secrets.d/%d/password.txt|small
path|shop.files|GET /.well-known/jwks.json %d|small
path|shop.files|open(/run/secrets/db_password) took %s ms|decimal
path|shop.files|https://docs.example.com/guides/api-keys?section=%d#rotate-token|small
path|shop.files|/srv/shop/src/auth/token_bucket.py:%d|small
prose|shop.users|Password reset email sent to user %d|large
prose|shop.users|Invalid password for user %d|large
prose|shop.users|Password changed for account %d; all sessions closed|large
prose|shop.users|Wrong password, attempt %d of 5|small
prose|shop.users|token expired %d seconds ago, refreshing|small
prose|shop.users|the refresh token has expired (%d)|small
prose|shop.users|no token in request %s, asking for login|uuid
prose|shop.users|secret rotation finished: %d rotated, %d unchanged|small small
prose|shop.users|authorization denied for role %s|lower5
prose|shop.users|session %d closed by peer|small
prose|shop.users|the API key of project %d is about to expire|large
prose|shop.users|cookie consent given by visitor %d|large
prose|shop.users|Please enter your PIN at terminal %d|small
prose|shop.users|bearer of ticket %d boarded|large
prose|shop.users|basic authentication is off on port %d|port
prose|shop.users|secretary of board %d notified, author is Ada|small
prose|shop.users|Invalid credentials (code %d)|small
prose|shop.users|password must be at least %d characters|small
prose|shop.users|Unexpected token < in JSON at position %d|small
prose|shop.users|Unexpected token '}', line %d of the body is not valid JSON|small
prose|shop.users|JWT signature verification failed for kid %s|hex8
count|llm|prompt_tokens=%d completion_tokens=%d total_tokens=%d|small small large
count|llm|Token count: %d|large
count|llm|max_tokens=%d temperature=0.7|large
count|llm|tokens: %d, tokens/s: %s|large decimal
count|llm|used %d tokens of %d|large large
count|shop.limits|token_limit: %d, tokens_left: %d|large small
count|shop.users|password_length=%d password_attempts=%d|small small
count|shop.users|session_count=%d active_sessions: %d|small small
challenge|shop.web|WWW-Authenticate: Bearer realm="orders", error="invalid_token", scope="%s"|lower5
challenge|shop.web|WWW-Authenticate: Basic realm="Orders %d"|small
challenge|shop.web|401 from upstream, Bearer realm="https://auth.example.com/token",service="registry-%d"|small
challenge|shop.web|Access-Control-Allow-Headers: Authorization, X-Api-Key, Content-Type (%d)|small
challenge|shop.web|Vary: Cookie, Authorization (%d)|small
environment|shop.config|DB_PASSWORD is not set (%d)|small
environment|shop.config|missing environment variable STRIPE_SECRET_KEY, step %d|small
environment|shop.config|reading API_TOKEN and CLIENT_SECRET from the environment (%d names)|small
environment|shop.config|password=${DB_PASSWORD} port=%d|port
environment|shop.config|secret: {{ vault_secret }} step %d|small
environment|shop.config|export TOKEN=$CI_JOB_TOKEN && run step %d|small
environment|shop.config|password from env:DB_PASSWORD, port %d|port
cloud|shop.cloud|arn:aws:secretsmanager:eu-west-1:%d:secret:prod/db/password-%s|account alnum6
cloud|shop.cloud|arn:aws:iam::%d:role/token-reader|account
cloud|shop.cloud|arn:aws:kms:eu-west-1:%d:key/%s|account uuid
cloud|shop.cloud|projects/shop-%d/secrets/api-key/versions/latest|small
cloud|shop.cloud|/subscriptions/%s/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/secrets|uuid
cloud|shop.cloud|instance i-%s in subnet-%s is up|hex17 hex17
cloud|shop.cloud|account AC%s sent message SM%s|hex32 hex32
cloud|shop.cloud|https://sqs.eu-west-1.amazonaws.com/%d/orders|account
stripe|stripe|Request to Stripe api: POST /v1/payment_intents/pi_%s for cus_%s|alnum24 alnum14
stripe|stripe|event evt_%s delivered, charge ch_%s|alnum24 alnum24
masked|shop.config|password=******** user=ada try %d|small
masked|shop.config|password=[redacted] try %d|small
masked|shop.config|Authorization: [redacted] try %d|small
masked|shop.config|token: *** port %d|port
masked|shop.config|postgres://app:***@db.internal:%d/shop|port
masked|shop.config|api_key=<redacted>, try %d|small
masked|shop.config|{"secret": "[Filtered]", "try": %d}|small
masked|shop.config|card **** **** **** %s|digits4
masked|shop.config|password=None user=ada try %d|small
masked|shop.config|token=null, try=%d|small
masked|shop.config|password= user=ada try %d|small
masked|shop.config|api_key='' try=%d|small
masked|shop.config|password=True remember=%d|small
certificate|shop.tls|-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----|b64line
certificate|shop.tls|-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----|b64line
certificate|shop.tls|subject=CN=shop.example.com serial=%s|upperhex
binary|shop.images|data:image/png;base64,%s|b64line
binary|shop.images|avatar %s.png stored, %d bytes|b64short large
binary|shop.web|Sec-WebSocket-Accept: %s|b64short
binary|shop.kafka|committed offset %d partition key %s|large lower5
keyboard|shop.ui|key=ctrl+shift+%s pressed|lower1
keyboard|shop.ui|monkey %d at the keyboard, turkey %d|small small
keyboard|shop.ui|pinned %d messages; spinning up; opinion poll %d|small large
keyboard|shop.ui|sort_key=%s partition_key=%s|lower5 lower5
keyboard|shop.ui|primary key violation on orders_pkey (id)=(%d)|large
keyboard|shop.ui|foreign_key: orders.user_id -> users.id (%d rows)|large
prose|shop.users|grant_type=client_credentials&scope=orders&page=%d|small
prose|shop.users|grant_type=password is not allowed for client %d|small
prose|shop.users|response_type=token client=%d|small
prose|shop.users|{"token_type": "Bearer", "expires_in": %d}|small
prose|shop.users|auth=true secure=false tls=%d|small
prose|shop.users|2FA PIN entry took %d s, OTP was right|small
other|asyncio|Using selector: EpollSelector (%d)|small
other|alembic.runtime.migration|Context impl PostgresqlImpl. (%d)|small
other|shop.mail|queued mail %s for 3 recipients|hex12
other|werkzeug|%s - - [22/Nov/2026 10:11:12] "GET /auth/callback HTTP/1.1" 302 -|ip
other|paramiko.transport|Authentication (publickey) successful! (%d)|small
other|redis|Connection pool of cache-%d.internal:6379 has %d idle|small small
other|grpc|StatusCode.UNAUTHENTICATED: token validation failed after %d ms|small
other|elastic_transport|POST http://es-%d.internal:9200/orders/_search [status:200 duration:%ss]|small decimal
other|kafka.conn|<BrokerConnection node_id=%d host=kafka-1.internal:9092>: Authentication mechanism: PLAIN|small
"""

# Fields: kind and a dict literal's text are kept apart from code by naming the drawn value.
_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("count", "prompt_tokens", "small"),
    ("count", "completion_tokens", "large"),
    ("count", "max_tokens", "large"),
    ("count", "tokens_used", "large"),
    ("count", "input_token_count", "small"),
    ("count", "token_count", "large"),
    ("count", "totalTokens", "large"),
    ("count", "password_length", "small"),
    ("count", "secret_version", "small"),
    ("count", "session_count", "small"),
    ("count", "cookie_count", "small"),
    ("count", "auth_attempts", "small"),
    ("flag", "is_password_set", "bool"),
    ("flag", "has_token", "bool"),
    ("flag", "password_changed", "bool"),
    ("flag", "password", "none"),
    ("flag", "token", "none"),
    ("flag", "requires_secret", "bool"),
    ("flag", "session_cookie_secure", "bool"),
    ("name", "author", "person"),
    ("name", "authors", "person"),
    ("name", "author_name", "person"),
    ("name", "secretary", "person"),
    ("name", "tokenizer", "model"),
    ("name", "tokenization", "model"),
    ("name", "token_type", "bearer"),
    ("name", "secret_name", "path"),
    ("name", "password_policy", "lower5"),
    ("name", "passwordResetUrl", "plainurl"),
    ("name", "token_url", "plainurl"),
    ("name", "token_endpoint", "plainurl"),
    ("name", "auth_type", "lower5"),
    ("name", "auth_types", "lower5"),
    ("name", "monkey", "lower5"),
    ("name", "keyboard", "lower5"),
    ("name", "hotkey", "keys"),
    ("name", "public_key", "b64short"),
    ("name", "key_id", "hex8"),
    ("name", "cache_key", "md5"),
    ("name", "primary_key", "large"),
    ("name", "foreign_key", "lower5"),
    ("name", "idempotency_key", "uuid"),
    ("name", "key", "lower5"),
    ("name", "keys", "lower5"),
    ("name", "passenger", "person"),
    ("name", "compass", "lower5"),
    ("name", "bypass", "bool"),
    ("name", "passed", "small"),
    ("name", "pinned", "bool"),
    ("name", "spin", "small"),
    ("name", "shipping", "lower5"),
    ("name", "postcode", "digits5"),
    ("name", "card_id", "large"),
    ("name", "card_brand", "lower5"),
    ("name", "card_last4", "digits4"),
    ("name", "discord_guild", "snowflake"),
    ("time", "password_reset_sent_at", "iso"),
    ("time", "token_expires_at", "iso"),
    ("time", "session_expires", "s"),
    ("time", "last_password_change_at", "iso"),
    ("time", "created_ns", "ns"),
    ("time", "timestamp_us", "us"),
    ("id", "request_id", "uuid"),
    ("id", "order_id", "luhnorder"),
    ("id", "imei", "imei"),
    ("id", "tweet", "snowflake"),
    ("id", "commit", "sha1"),
    ("id", "image", "imagedigest"),
    ("id", "etag", "md5"),
    ("id", "integrity", "srifull"),
    ("id", "client_id", "hex32"),
    ("id", "upstream_trace", "hex32"),
    ("address", "client_ip", "ip"),
    ("address", "mac", "mac"),
    ("address", "remote", "peer"),
    ("cloud", "secret_arn", "arn"),
    ("cloud", "role", "rolearn"),
    ("masked", "password", "masked"),
    ("masked", "api_key", "masked"),
    ("masked", "authorization", "masked"),
    ("number", "latitude", "longfloat"),
    ("number", "ratio", "longfloat"),
    ("number", "amount", "decimal"),
)

# A traceback quotes these lines; no secret stands in them.
_SOURCES = (
    'password = os.environ["DB_PASSWORD"]',
    'token = request.headers.get("Authorization")',
    "password = getpass.getpass()",
    "api_key = settings.API_KEY",
    'secret = vault.read("secret/data/shop")["data"]',
    "self._token = self._fetch_token(client_id, client_secret)",
    "session = requests.Session()",
    "def login(user: str, password: str) -> Session:",
    "cookie = response.cookies.get(name)",
    'raise PermissionError("token expired")',
    "client = Client(api_key=config.api_key, password=password)",
    "if token is None or token == '':",
    "tokens = tokenizer.encode(text, max_tokens=4096)",
    'auth = (user, os.getenv("PASSWORD", ""))',
    "pin = int(input())",
    "hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt())",
)


def _draw(make: Maker) -> dict[str, Callable[[], Any]]:
    """Return what draws a value of each name."""
    pick = make.random.choice
    lower = string.ascii_lowercase

    def order() -> int:
        """Return an order number whose check digit happens to be Luhn's, with no issuer's prefix."""
        return int(make.card(pick(("1", "7", "8", "90")), 16))

    def address() -> str:
        return f"10.{make.random.randrange(256)}.{make.random.randrange(256)}.{make.random.randrange(1, 255)}"

    def sha256() -> str:
        return hashlib.sha256(make.random.randbytes(8)).hexdigest()

    draw: dict[str, Callable[[], Any]] = {
        "small": lambda: make.random.randrange(2, 100),
        "large": lambda: make.random.randrange(10_000, 90_000_000),
        "pid": lambda: make.random.randrange(2, 32768),
        "port": lambda: make.random.randrange(1024, 65535),
        "uuid": make.uuid,
        "sha256": sha256,
        "sha1": lambda: make.hex(40),
        "md5": lambda: make.hex(32),
        "sri": lambda: make.base64(48),
        "srifull": lambda: "sha512-" + make.base64(64),
        "sha256b64": lambda: make.base64(32).rstrip("="),
        "colonhex": lambda: ":".join(f"{byte:02X}" for byte in make.random.randbytes(20)),
        "upperhex": lambda: make.hex(32).upper(),
        "imagedigest": lambda: f"shop/api@sha256:{sha256()}",
        "snowflake": lambda: make.random.randrange(10**18, 19 * 10**17),
        "luhnorder": order,
        "imei": lambda: int(make.card("86", 15)),
        "parcel": lambda: "00" + make.digits(18),
        "s": lambda: make.random.randrange(1_763_000_000, 1_764_000_000),
        "ms": lambda: make.random.randrange(1_763_000_000_000, 1_764_000_000_000),
        "us": lambda: make.random.randrange(1_763 * 10**12, 1_764 * 10**12),
        "ns": lambda: make.random.randrange(1_763 * 10**15, 1_764 * 10**15),
        "iso": lambda: f"2026-11-{make.random.randrange(10, 29)}T10:11:12.{make.digits(6)}+00:00",
        "decimal": lambda: f"{make.random.random() * 90:.3f}",
        "longfloat": lambda: make.random.random() * 100,
        "ip": address,
        "peer": lambda: f"{address()}:{make.random.randrange(1024, 65535)}",
        "mac": lambda: ":".join(f"{byte:02x}" for byte in make.random.randbytes(6)),
        "bool": lambda: pick((True, False)),
        "none": lambda: None,
        "person": lambda: f"{make.syllables(2).title()} {make.syllables(3).title()}",
        "model": lambda: f"cl100k-{make.syllables(2)}",
        "bearer": lambda: pick(("bearer", "Bearer", "refresh", "jwt")),
        "path": lambda: f"prod/{make.syllables(2)}/db",
        "plainurl": lambda: f"https://login.example.com/{make.syllables(3)}/v2.0",
        "keys": lambda: f"ctrl+shift+{pick(lower)}",
        "masked": lambda: pick(
            ("********", "[redacted]", "***", "<hidden>", "[Filtered]", "", "xxxxxxxx")
        ),
        "arn": lambda: (
            f"arn:aws:secretsmanager:eu-west-1:{make.digits(12)}:secret:{make.syllables(3)}"
        ),
        "rolearn": lambda: f"arn:aws:iam::{make.digits(12)}:role/{make.syllables(3)}",
        "account": lambda: int(make.digits(12)),
        "b64line": lambda: make.base64(48),
        "b64short": lambda: make.base64(20),
        "upper16": lambda: make.upper(16),
    }
    for length in (2, 3, 4, 5, 6, 9, 11):
        draw[f"digits{length}"] = lambda length=length: make.digits(length)
    for length in (2, 4, 8, 10, 12, 16, 17, 24, 32):
        draw[f"hex{length}"] = lambda length=length: make.hex(length)
    for length in (1, 5):
        draw[f"lower{length}"] = lambda length=length: make.syllables(length)[:length]
    for length in (6, 14, 24):
        draw[f"alnum{length}"] = lambda length=length: make.alnum(length)
    return draw


def _message(template: str, args: tuple[Any, ...], turn: int) -> Callable[[logging.Logger], object]:
    """Return the call: arguments apart, assembled before, or in a field."""
    if turn % 3 == 0:
        return lambda log: log.info(template, *args)
    if turn % 3 == 1:
        text = template % args
        return lambda log: log.info(text)
    return lambda log: log.info("seen", extra={"detail": template % args})


def _field(name: str, value: Any, turn: int) -> Callable[[logging.Logger], object]:
    """Return the call: a field, a nested one, an argument, or text."""
    if turn % 4 == 0:
        return lambda log: log.info("state", extra={name: value})
    if turn % 4 == 1:
        return lambda log: log.info("state", extra={"job": {"meta": [{name: value, "try": 3}]}})
    if turn % 4 == 2:
        return lambda log: log.info("state %s", {name: value, "try": 3})
    return lambda log: log.info(f"state {name}={value} try=3")


def _traceback(source: str, number: int) -> Callable[[logging.Logger], object]:
    def emit(log: logging.Logger) -> None:
        filename = f"<innocent {number}>"
        names: dict[str, Any] = {}
        exec(compile("def run():\n    raise KeyError('order')\n", filename, "exec"), names)
        lines = ["def run():\n", f"    {source}\n"]
        linecache.cache[filename] = (1, None, lines, filename)
        try:
            names["run"]()
        except KeyError:
            log.exception("failed")
        finally:
            del linecache.cache[filename]

    return emit


def innocents(seed: int = SEED, *, times: int = 4) -> list[Innocent]:
    """Return the records of *seed*: each template *times* over, with other values each time."""
    return list(_all(seed, times))


def _all(seed: int, times: int) -> Iterator[Innocent]:
    draw = _draw(Maker(seed))
    for number, row in enumerate(_MESSAGES.strip().split("\n")):
        kind, logger, rest = row.split("|", 2)
        template, names = rest.replace("\\n", "\n").rsplit("|", 1)
        for turn in range(times):
            args = tuple(draw[name]() for name in names.split())
            emit = _message(template, args, number + turn)
            yield Innocent(f"{kind}.{number}.{turn}", kind, logger, emit)
    for number, (kind, name, drawn) in enumerate(_FIELDS):
        for turn in range(times):
            emit = _field(name, draw[drawn](), turn)
            yield Innocent(f"field-{kind}.{number}.{turn}", f"field-{kind}", "shop.state", emit)
    for number, source in enumerate(_SOURCES):
        yield Innocent(f"source.{number}", "source", "shop.orders", _traceback(source, number))
