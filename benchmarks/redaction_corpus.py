"""
Synthetic secrets in every place of a log record: what redaction is measured with.

A `Sample` is a secret with the text it stands in; a position is a way of logging it; a `Case` is
one sample in one position. Everything is drawn from one seed, with the standard library alone, and
vendors' keys are put together at run time, so that no file holds anything that looks like one.

The formats are those of the vendors' documentation and of the public rules of secret scanners
(gitleaks' ``config/gitleaks.toml``, Sentry's and Cloudflare's pages of token formats), not those of
any implementation: this file was written without reading logweft's own rules.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import dataclasses
import json
import linecache
import logging
import multiprocessing
import random
import re
import string
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlencode

SEED = 20261122

Bind = Callable[[Mapping[str, Any]], contextlib.AbstractContextManager[Any]]
"""What binds fields to everything logged inside: each contender brings its own."""

Emit = Callable[[logging.Logger, Bind], object]


class Sample(NamedTuple):
    """A secret: in running text, and as a field of a structure."""

    category: str
    tier: str
    text: str
    name: str
    value: Any
    secrets: tuple[str, ...]
    keeps: tuple[str, ...] = ()

    @property
    def is_keyed(self) -> bool:
        """Whether only the name tells that the value is a secret."""
        return self.name != NEUTRAL

    @property
    def is_line(self) -> bool:
        """Whether it fits into a header, a URL or a name."""
        return "\n" not in self.text


@dataclasses.dataclass(frozen=True)
class Case:
    """One secret logged in one way, what must not be in the line, and what must."""

    id: str
    category: str
    tier: str
    position: str
    group: str
    logger: str
    emit: Emit
    secrets: tuple[str, ...]
    keeps: tuple[str, ...]
    fmt: str | None = None


NEUTRAL = "note"
"""The field's name where the value tells by itself that it is a secret."""

HOST = "db-7.internal"

ALNUM = string.ascii_letters + string.digits
WORD = ALNUM + "_-"
HEX = "0123456789abcdef"
BASE64 = ALNUM + "+/"


class Maker:
    """Random values of the shapes that keys have."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        """Return *length* characters of *alphabet*, letters and digits at the ends and inside."""
        while True:
            text = "".join(self.random.choices(alphabet, k=length))
            ends = text[0] + text[-1]
            mixed = length < 8 or not (text.isdigit() or text.isalpha()) or alphabet.isalpha()
            if ends.isalnum() and (mixed or alphabet.isdigit()):
                return text

    def alnum(self, length: int) -> str:
        return self.of(ALNUM, length)

    def word(self, length: int) -> str:
        return self.of(WORD, length)

    def hex(self, length: int) -> str:
        return self.of(HEX, length)

    def upper(self, length: int) -> str:
        return self.of(string.ascii_uppercase + string.digits, length)

    def digits(self, length: int) -> str:
        return str(self.random.randrange(10 ** (length - 1), 10**length))

    def base64(self, size: int) -> str:
        return base64.b64encode(self.random.randbytes(size)).decode()

    def base64url(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.random.randbytes(size)).decode().rstrip("=")

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def syllables(self, count: int) -> str:
        pick = self.random.choice
        return "".join(pick("bdfgklmnprstvz") + pick("aeiou") for _ in range(count))

    def password(self) -> str:
        """Return what people choose: a word and a number, a random string, or symbols as well."""
        shape = self.random.randrange(4)
        if shape == 0:
            return self.syllables(4).capitalize() + self.digits(4) + "!"
        if shape == 1:
            return self.alnum(self.random.randrange(10, 20))
        if shape == 2:
            return f"{self.alnum(4)}#{self.alnum(4)}!{self.alnum(4)}"
        return self.syllables(6)

    def jwt(self) -> str:
        def part(data: dict[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

        head = part({"alg": "HS256", "typ": "JWT"})
        body = part({"sub": self.digits(10), "name": self.syllables(4), "iat": 1_763_800_000})
        return f"{head}.{body}.{self.base64url(32)}"

    def pem(self, label: str) -> str:
        block = self.base64(384)
        lines = [block[start : start + 64] for start in range(0, len(block), 64)]
        return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])

    def card(self, prefix: str, length: int) -> str:
        body = prefix + "".join(self.random.choices(string.digits, k=length - 1 - len(prefix)))
        return next(body + digit for digit in string.digits if luhn(body + digit))

    def iban(self, country: str, pattern: str) -> str:
        """Return a valid IBAN; in *pattern* ``9`` is a digit and ``A`` a letter."""
        kinds = {"9": string.digits, "A": string.ascii_uppercase}
        body = "".join(self.random.choice(kinds[kind]) for kind in pattern)
        return f"{country}{98 - mod97(f'{body}{country}00'):02d}{body}"

    def ssn(self) -> str:
        area = self.random.choice([*range(1, 666), *range(667, 900)])
        return (
            f"{area:03d}-{self.random.randrange(1, 100):02d}-{self.random.randrange(1, 10000):04d}"
        )


def luhn(number: str) -> bool:
    """Whether *number* (digits) has a valid check digit: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0


def mod97(text: str) -> int:
    """Return the remainder of ISO 13616; *text* has the country and the check digits last."""
    return int("".join(str(int(letter, 36)) for letter in text)) % 97


# --- the samples


def _value(category: str, secret: str, tier: str = "core") -> Sample:
    """Return a secret that is recognised by its format alone."""
    return Sample(category, tier, secret, NEUTRAL, secret, (secret,))


def _phrase(
    category: str, text: str, secrets: tuple[str, ...], keeps: tuple[str, ...], tier: str = "core"
) -> Sample:
    """Return a text of which only a part is secret."""
    return Sample(category, tier, text, NEUTRAL, text, secrets, keeps)


_STYLES = (
    "{name}={value}",
    "{name}: {value}",
    '"{name}": "{value}"',
    "{name}='{value}'",
    '{name} = "{value}"',
    "{name}:{value}",
    "'{name}': '{value}'",
    "{name} = {value}",
)


def _keyed(category: str, name: str, value: Any, style: int = 0, tier: str = "core") -> Sample:
    """Return a secret that only its name gives away."""
    text = _STYLES[style % len(_STYLES)].format(name=name, value=value)
    if isinstance(value, str) and " " in value:
        text = f'{name}="{value}"'
    return Sample(category, tier, text, name, value, (str(value),), (name,))


_NAMES = {
    "name-password": "password passwd pwd passphrase db_password userPassword Db-Password "
    "PGPASSWORD spring.datasource.password MYSQL_ROOT_PASSWORD new_password confirmPassword "
    "ldap_bind_password smtp.password adminPwd password2",
    "name-secret": "secret client_secret clientSecret X-Webhook-Secret oauth.client.secret "
    "APP_SECRET signing_secret shared-secret secretKey SECRET_KEY_BASE consumerSecret jwt_secret",
    "name-token": "token access_token refreshToken id_token csrf_token X-Auth-Token bot.token "
    "GITLAB_TOKEN csrfmiddlewaretoken X-XSRF-TOKEN deviceToken X-Vault-Token auth_token "
    "sessionToken",
    "name-api-key": "api_key apiKey X-Api-Key apikey payments.api.key WEATHER_API_KEY api-key "
    "Ocp-Apim-Subscription-Key DD_API_KEY googleApiKey",
    "name-authorization": "authorization Authorization Proxy-Authorization X-Authorization "
    "HTTP_AUTHORIZATION",
    "name-cookie": "cookie Set-Cookie HTTP_COOKIE session_cookie",
    "name-session": "session_id sessionId PHPSESSID JSESSIONID connect.sid sessionid session_key "
    "X-Session-Id",
    "name-private-key": "private_key privateKey ssh-private-key encryption_key signingKey "
    "ENCRYPTION_KEY AWS_SECRET_ACCESS_KEY storage_account_key master_key "
    "secret_access_key accessKey",
    "name-credentials": "credentials credential db.credentials awsCredentials",
}

_PROVIDER_KEYS = (
    "TWILIO_AUTH_TOKEN AWS_SESSION_TOKEN DATADOG_APP_KEY mailgun_api_key HEROKU_API_KEY "
    "cloudflareApiToken algolia.admin.api.key OKTA_CLIENT_TOKEN"
)

_ISSUERS = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("36", 14),
    ("62", 16),
)

_IBANS = (
    ("DE", "9" * 18),
    ("GB", "AAAA" + "9" * 14),
    ("FR", "9" * 10 + "A" * 3 + "9" * 10),
    ("NL", "AAAA" + "9" * 10),
    ("ES", "9" * 20),
    ("IT", "A" + "9" * 22),
    ("CH", "9" * 17),
    ("PL", "9" * 24),
    ("AT", "9" * 16),
)


def _vendors(make: Maker) -> Iterator[tuple[str, str, str]]:
    """Yield ``(category, tier, key)`` of keys with a prefix or a shape of their own."""
    alnum, word, hexa, upper = make.alnum, make.word, make.hex, make.upper
    base32 = string.ascii_uppercase + "234567"
    core = {
        "aws": ("AKIA" + make.of(base32, 16), "ASIA" + make.of(base32, 16)),
        "gcp": ("AIza" + word(35), "ya29." + word(120), "GOCSPX-" + word(28)),
        "azure": (f"{alnum(3)}8Q~{word(34)}", f"{alnum(3)}7Q~{word(31)}"),
        "github": (
            *(f"gh{kind}_{alnum(36)}" for kind in "pousr"),
            f"github_pat_{alnum(22)}_{alnum(59)}",
        ),
        "gitlab": (
            "glpat-" + word(20),
            f"glpat-{word(27)}.{make.of(HEX, 2)}{make.of(HEX, 7)}",
            "gldt-" + word(20),
            "glrt-" + word(20),
            "glptt-" + hexa(40),
            f"glcbt-64_{word(20)}",
            "GR1348941" + word(20),
        ),
        "slack": (
            f"xoxb-{make.digits(12)}-{make.digits(13)}-{alnum(24)}",
            f"xoxp-{make.digits(12)}-{make.digits(12)}-{make.digits(12)}-{hexa(32)}",
            f"xapp-1-A{upper(10)}-{make.digits(13)}-{hexa(64)}",
        ),
        "stripe": (
            "sk_live_" + alnum(24),
            "rk_live_" + alnum(99),
            "sk_test_" + alnum(24),
            "whsec_" + alnum(32),
        ),
        "twilio": ("SK" + hexa(32), "SK" + hexa(32)),
        "sendgrid": (f"SG.{word(22)}.{word(43)}",),
        "npm": ("npm_" + alnum(36),),
        "pypi": ("pypi-AgEIcHlwaS5vcmc" + word(120),),
        "openai": (
            f"sk-{alnum(20)}T3BlbkFJ{alnum(20)}",
            f"sk-proj-{word(74)}T3BlbkFJ{word(74)}",
            f"sk-svcacct-{word(58)}T3BlbkFJ{word(58)}",
        ),
        "anthropic": (f"sk-ant-api03-{word(93)}AA", f"sk-ant-admin01-{word(93)}AA"),
        "huggingface": ("hf_" + make.of(string.ascii_letters, 34),),
        "groq": ("gsk_" + alnum(52),),
        "telegram": (f"{make.digits(10)}:AA{word(33)}", f"{make.digits(9)}:AA{word(33)}"),
        "discord": (
            f"MT{alnum(24)}.G{alnum(5)}.{word(38)}",
            f"NT{alnum(22)}.X{alnum(5)}.{word(27)}",
        ),
        "digitalocean": tuple(f"do{kind}_v1_{hexa(64)}" for kind in "por"),
        "databricks": ("dapi" + hexa(32), f"dapi{hexa(32)}-2"),
        "shopify": tuple(f"shp{kind}_{hexa(32)}" for kind in ("at", "ca", "pa", "ss")),
        "square": ("sq0atp-" + word(22), "sq0csp-" + word(43), "EAAA" + word(60)),
        "linear": ("lin_api_" + alnum(40),),
        "notion": (f"ntn_{make.digits(11)}{alnum(35)}",),
        "postman": (f"PMAK-{hexa(24)}-{hexa(34)}",),
        "grafana": (f"glsa_{alnum(32)}_{hexa(8)}", f"glc_{make.base64(60)}"),
        "vault": ("hvs." + word(96), "hvb." + word(140)),
        "terraform": (f"{alnum(14)}.atlasv1.{word(67)}",),
        "atlassian": ("ATATT3" + word(186), "ATCTT3" + word(186)),
        "doppler": ("dp.pt." + alnum(43), "dp.st.prd." + alnum(43)),
        "pulumi": ("pul-" + hexa(40),),
        "sentry": ("sntryu_" + hexa(64),),
        "newrelic": ("NRAK-" + upper(27),),
        "planetscale": ("pscale_tkn_" + word(43), "pscale_pw_" + word(43)),
        "dynatrace": (f"dt0c01.{upper(24)}.{upper(64)}",),
        "age": ("AGE-SECRET-KEY-1" + make.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),),
    }
    extended = {
        "mailgun": ("key-" + hexa(32),),
        "mailchimp": (f"{hexa(32)}-us21",),
        "cloudflare": ("cfut_" + alnum(48), "cfat_" + alnum(48)),
        "alibaba": ("LTAI" + alnum(20),),
        "artifactory": ("AKCp" + alnum(69), "cmVmd" + alnum(59)),
        "brevo": (f"xkeysib-{hexa(64)}-{alnum(16)}",),
        "rubygems": ("rubygems_" + hexa(48),),
        "fly": ("fo1_" + word(43),),
        "prefect": ("pnu_" + alnum(36),),
        "perplexity": ("pplx-" + alnum(48),),
        "replicate": ("r8_" + alnum(37),),
        "openrouter": ("sk-or-v1-" + hexa(64),),
        "supabase": ("sbp_" + hexa(40),),
        "easypost": ("EZAK" + alnum(54),),
        "duffel": ("duffel_live_" + word(43),),
        "harness": (f"pat.{word(22)}.{alnum(24)}.{alnum(20)}",),
        "1password": ("ops_eyJ" + make.of(BASE64, 260),),
        "airtable": (f"pat{alnum(14)}.{hexa(64)}",),
        "figma": ("figd_" + word(40),),
        "readme": ("rdme_" + make.of(string.ascii_lowercase + string.digits, 70),),
        "shippo": ("shippo_live_" + hexa(40),),
        "openshift": ("sha256~" + word(43),),
        "clojars": ("CLOJARS_" + hexa(60),),
        "heroku": ("HRKU-AA" + word(58),),
        "octopus": ("API-" + upper(26),),
    }
    for tier, table in (("core", core), ("extended", extended)):
        for vendor, keys in table.items():
            for key in keys:
                yield f"key-{vendor}", tier, key


def _named(make: Maker) -> Iterator[Sample]:
    """Yield the secrets that only their names give away."""
    style = 0

    def keyed(category: str, name: str, value: Any, tier: str = "core") -> Sample:
        nonlocal style
        style += 1
        return _keyed(category, name, value, style, tier)

    for category, names in _NAMES.items():
        for name in names.split():
            yield keyed(category, name, make.password())
    for name in ("passphrase", "wallet_passphrase", "backupPassphrase"):
        words = " ".join(make.syllables(3) for _ in range(5))
        yield keyed("name-passphrase", name, words)
    for name in _PROVIDER_KEYS.split():
        value = make.uuid() if "HEROKU" in name else make.hex(32)
        yield keyed("name-provider-key", name, value)
    yield keyed("name-provider-key", "aws_secret_access_key", make.of(BASE64, 40))
    for number, name in enumerate("pin otp otp_code cardPin mfa_code one_time_password".split()):
        value = make.digits(6 if "o" in name else 4)
        yield keyed("name-pin-otp", name, int(value) if number % 2 else value)
    for number, name in enumerate("cvv cvc cvv2 card_cvc cardCvv security_code".split()):
        value = make.digits(3)
        yield keyed("name-cvv", name, int(value) if number % 2 else value)
    for name in "ssn social_security_number national_id nationalId".split():
        yield keyed("name-national-id", name, make.digits(9))
    yield keyed("name-national-id", "passport_number", make.upper(2) + make.digits(7))
    yield keyed("name-national-id", "bank_account_number", make.digits(10))
    for number, name in enumerate("card_number cardNumber credit_card_number cc_number".split()):
        value = make.card(*_ISSUERS[number])
        yield keyed("name-card", name, int(value) if number % 2 else value)
    for name in "phone phone_number mobile_number customerPhone".split():
        yield keyed("name-phone", name, f"+49{make.digits(10)}")
    for name in "password_hash passwordHash password_salt".split():
        yield keyed("name-password-hash", name, make.hex(64))
    for name in ("email", "contactEmail", "user.email"):
        value = f"{make.syllables(3)}.{make.syllables(4)}@example.org"
        yield keyed("name-email", name, value)


def _schemes(make: Maker) -> Iterator[Sample]:
    """Yield credentials with the scheme of an HTTP header before them."""
    user = make.syllables(3)
    for pattern in (
        "Authorization: Bearer {}",
        "Bearer {}",
        "authorization=Bearer {}",
        "'Authorization': 'Bearer {}'",
        "-H 'Authorization: Bearer {}'",
    ):
        secret = make.word(40)
        yield _phrase("scheme-bearer", pattern.format(secret), (secret,), ())
    for pattern in ("Authorization: Basic {}", "Basic {}", '"authorization": "Basic {}"'):
        secret = base64.b64encode(f"{user}:{make.password()}".encode()).decode()
        yield _phrase("scheme-basic", pattern.format(secret), (secret,), ())
    for _ in range(3):
        secret = make.hex(32)
        text = (
            f'Authorization: Digest username="{user}", realm="shop", nonce="{make.hex(32)}", '
            f'uri="/orders", response="{secret}", qop=auth, nc=00000001, cnonce="{make.hex(8)}"'
        )
        yield _phrase("scheme-digest", text, (secret,), ())
    for scheme in ("Token", "ApiKey", "Negotiate", "GenieKey"):
        secret = make.alnum(40)
        yield _phrase("scheme-other", f"Authorization: {scheme} {secret}", (secret,), ())
    for _ in range(3):
        secret = make.hex(64)
        text = (
            f"Authorization: AWS4-HMAC-SHA256 Credential=AKIA{make.upper(16)}/20261122/eu-west-1"
            f"/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature={secret}"
        )
        yield _phrase("scheme-aws4", text, (secret,), ())
    for pattern in ("{}", "id token {}", "Authorization: Bearer {}", "jwt {} accepted"):
        token = make.jwt()
        _, body, signature = token.split(".")
        yield _phrase("jwt", pattern.format(token), (body, signature), ())


def _keys_in_blocks(make: Maker) -> Iterator[Sample]:
    """Yield private keys as PEM, PGP, and inside a service account's JSON."""
    labels = ("RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY")
    for label in (*labels, "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY"):
        block = make.pem(label)
        lines = block.split("\n")
        secrets = (lines[1], lines[len(lines) // 2])
        yield _phrase("pem", block, secrets, ())
        yield _phrase("pem-escaped", block.replace("\n", "\\n"), secrets, ())
    block = make.pem("PGP PRIVATE KEY BLOCK")
    yield _phrase("pem", block, (block.split("\n")[1], block.split("\n")[3]), ())
    block = make.pem("PRIVATE KEY")
    account = {"type": "service_account", "project_id": "shop-prod", "private_key": block}
    secrets = (block.split("\n")[1], block.split("\n")[4])
    yield _phrase("pem-escaped", json.dumps(account), secrets, ("service_account", "shop-prod"))


def _urls(make: Maker) -> Iterator[Sample]:
    """Yield URLs and connection strings with a secret in them."""
    for scheme, host, path in (
        ("postgresql", "db.shop.example:5432", "/orders"),
        ("mysql+pymysql", "db-3.internal:3306", "/shop"),
        ("amqp", "mq.shop.example:5672", "/vhost"),
        ("mongodb+srv", "cluster0.mongo.example", "/app"),
        ("https", "artifacts.example.com", "/simple/"),
        ("ftp", "files.example.org", "/in"),
        ("smtp", "mail.example.org:587", ""),
    ):
        secret = quote(make.password(), safe="")
        text = f"{scheme}://{make.syllables(2)}:{secret}@{host}{path}"
        yield _phrase("url-userinfo", text, (secret,), (host, path) if path else (host,))
    for template, host in (
        ("redis://:{}@cache.internal:6379/0", "cache.internal:6379"),
        ("rediss://default:{}@cache.example.com:6380/1", "cache.example.com:6380"),
        ("https://oauth2:{}@gitlab.example.com/team/shop.git", "gitlab.example.com/team/shop.git"),
        ("https://x-access-token:{}@git.example.com/a/b.git", "git.example.com/a/b.git"),
    ):
        secret = make.alnum(22)
        yield _phrase("url-userinfo", template.format(secret), (secret,), (host,))
    for name in (
        "access_token token api_key apikey password client_secret refresh_token sig signature "
        "auth_token id_token secret sessionid"
    ).split():
        secret = make.alnum(28)
        text = f"https://api.example.com/v2/items?page=3&{name}={secret}&sort=asc"
        keeps = ("api.example.com/v2/items?page=3", name, "sort=asc")
        yield _phrase("url-query", text, (secret,), keeps)
    for name in ("access_token", "id_token"):
        secret = make.alnum(40)
        text = f"https://app.example.com/callback#{name}={secret}&expires_in=3600"
        yield _phrase("url-fragment", text, (secret,), ("app.example.com/callback", name))
    for name in ("token", "access_token"):
        secret = make.alnum(30)
        inner = quote(f"https://app.example.com/in?{name}={secret}&x=1", safe="")
        text = f"https://sso.example.com/login?next={inner}"
        yield _phrase("url-encoded-nested", text, (secret,), ("sso.example.com/login",), "extended")
    signed = (
        "https://bucket.s3.eu-west-1.amazonaws.com/in/a.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Date=20261122T101112Z&X-Amz-Expires=900&X-Amz-Signature={}",
        "https://storage.googleapis.com/bucket/in/a.csv?X-Goog-Algorithm=GOOG4-RSA-SHA256"
        "&X-Goog-Expires=900&X-Goog-Signature={}",
        "https://shop.blob.core.windows.net/in/a.csv?sv=2024-11-04&sr=b&se=2026-11-23T00%3A00%3A00Z&sp=r&sig={}",
        "https://d111.cloudfront.net/in/a.csv?Expires=1763800000&Signature={}&Key-Pair-Id=K2JCJMDEHXQW5F",
    )
    for template in signed:
        secret = make.hex(64) if "X-" in template else make.alnum(43) + "%3D"
        host = template.split("/")[2]
        yield _phrase("url-signed", template.format(secret), (secret,), (host, "/in/a.csv"))
    secret, temporary = make.hex(64), make.base64url(200)
    text = signed[0].format(secret) + f"&X-Amz-Security-Token={temporary}"
    yield _phrase("url-signed", text, (secret, temporary), ("s3.eu-west-1.amazonaws.com",))
    for name in ("password", "client_secret", "refresh_token", "code_verifier"):
        secret = make.alnum(24)
        tier = "extended" if name == "code_verifier" else "core"
        text = f"grant_type=password&username=ada&{name}={secret}&scope=orders"
        keeps = ("grant_type=password&username=ada", name, "scope=orders")
        yield _phrase("form-body", text, (secret,), keeps, tier)
    ids = f"T{make.upper(10)}/B{make.upper(10)}"
    secret = make.alnum(24)
    slack = f"https://hooks.slack.com/services/{ids}/{secret}"
    yield _phrase("webhook", slack, (secret,), ("hooks.slack.com",))
    secret = make.word(68)
    discord = f"https://discord.com/api/webhooks/{make.digits(18)}/{secret}"
    yield _phrase("webhook", discord, (secret,), ("discord.com",))
    secret = make.hex(32)
    teams = (
        f"https://shop.webhook.office.com/webhookb2/{make.uuid()}@{make.uuid()}/IncomingWebhook/"
        f"{secret}/{make.uuid()}"
    )
    yield _phrase("webhook", teams, (secret,), ("shop.webhook.office.com",))
    secret = f"{make.digits(10)}:AA{make.word(33)}"
    telegram = f"https://api.telegram.org/bot{secret}/sendMessage"
    yield _phrase("webhook", telegram, (secret,), ("api.telegram.org", "sendMessage"))
    for path in ("accounts/reset/NDI/{}/", "password-reset/confirm/{}", "magic-link/{}"):
        secret = f"{make.alnum(6)}-{make.hex(32)}"
        text = f"https://app.example.com/{path.format(secret)}"
        yield _phrase("reset-link", text, (secret,), ("app.example.com",), "extended")


def _connection_strings(make: Maker) -> Iterator[Sample]:
    host = "sql-4.internal"
    for template, keeps in (
        ("host={0} port=5432 user=app password={1} dbname=orders", ("user=app", "dbname=orders")),
        (
            "jdbc:postgresql://{0}:5432/orders?user=app&password={1}&ssl=true",
            ("5432/orders", "ssl=true"),
        ),
        (
            "jdbc:sqlserver://{0}:1433;databaseName=orders;user=sa;password={1};encrypt=true;",
            ("orders",),
        ),
        ("jdbc:mysql://{0}/orders?user=app&password={1}", ("jdbc:mysql",)),
        (
            "Driver={{ODBC Driver 18 for SQL Server}};Server={0};Uid=sa;Pwd={1};Encrypt=yes;",
            ("Driver=",),
        ),
        (
            "Server={0};Database=orders;User Id=sa;Password={1};TrustServerCertificate=true",
            ("orders",),
        ),
        ("Data Source={0};Initial Catalog=orders;User ID=sa;PWD={1}", ("Initial Catalog=orders",)),
        ("DSN=orders;HOST={0};UID=app;PWD={1}", ("DSN=orders",)),
    ):
        secret = make.alnum(14)
        yield _phrase("dsn", template.format(host, secret), (secret,), (host, *keeps))
    for suffix in ("core.windows.net", "core.chinacloudapi.cn"):
        secret = make.base64(64)
        text = (
            f"DefaultEndpointsProtocol=https;AccountName=shop7;AccountKey={secret};"
            f"EndpointSuffix={suffix}"
        )
        yield _phrase("dsn-azure", text, (secret,), ("AccountName=shop7", suffix))
    secret = make.base64(32)
    text = f"Endpoint=sb://shop7.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={secret}"
    yield _phrase("dsn-azure", text, (secret,), ("shop7.servicebus.windows.net",))
    for separator in ("/", ":"):
        secret = make.alnum(12)
        text = f"sqlplus app{separator}{secret}@//{host}:1521/ORCL"
        yield _phrase("dsn-oracle", text, (secret,), (host,), "extended")


def _cookies(make: Maker) -> Iterator[Sample]:
    for name in ("sessionid", "PHPSESSID", "connect.sid"):
        secret, csrf = make.alnum(32), make.alnum(32)
        yield _phrase(
            "cookie", f"Cookie: theme=dark; {name}={secret}; csrftoken={csrf}", (secret, csrf), ()
        )
        text = f"Set-Cookie: {name}={secret}; Path=/; HttpOnly; SameSite=Lax"
        yield _phrase("set-cookie", text, (secret,), ())


def _numbers(make: Maker) -> Iterator[Sample]:
    """Yield cards, IBANs and SSNs, recognised by their check digits and ranges."""
    for number, (prefix, length) in enumerate(_ISSUERS):
        card = make.card(prefix, length)
        yield _value("card", card)
        groups = (4, 6, 5) if length == 15 else (4, 6, 4) if length == 14 else (4, 4, 4, 4)
        for category, separator in (("card-spaced", " "), ("card-dashed", "-")):
            digits = iter(make.card(prefix, length))
            yield _value(
                category, separator.join("".join(next(digits) for _ in range(n)) for n in groups)
            )
        if number % 2 == 0:
            card = make.card(prefix, length)
            yield Sample("card-int", "core", card, NEUTRAL, int(card), (card,))
    for country, pattern in _IBANS:
        iban = make.iban(country, pattern)
        yield _value("iban", iban)
        iban = make.iban(country, pattern)
        yield _value("iban-spaced", " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)))
    for _ in range(6):
        yield _value("ssn", make.ssn())


def _people(make: Maker) -> Iterator[Sample]:
    for host in ("example.com", "mail.example.org", "example.co.uk", "example.net"):
        for local in (f"{make.syllables(3)}.{make.syllables(3)}", f"{make.syllables(4)}+shop"):
            yield _value("email", f"{local}@{host}")
    for text in (
        "the password is {}",
        "your password is now {}",
        "logged in with password {} as ada",
        "use the api key {} for that",
    ):
        secret = make.alnum(12)
        yield _phrase("prose", text.format(secret), (secret,), (), "extended")
    for text in ("Your verification code is {}", "{} is your one-time code"):
        secret = make.digits(6)
        yield _phrase("prose-otp", text.format(secret), (secret,), (), "extended")
    for name in ("Password", "ApiKey", "wsse:Password"):
        secret = make.alnum(16)
        text = f"<User><Name>ada</Name><{name}>{secret}</{name}></User>"
        yield _phrase("xml", text, (secret,), ("<Name>ada</Name>",), "extended")
    secret = make.alnum(16)
    text = f"run: curl -u ada:{secret} https://api.example.com/v2/items"
    yield _phrase("command-line", text, (secret,), ("api.example.com/v2/items",), "extended")
    for flag in ("--password", "--token", "--api-key"):
        secret = make.alnum(16)
        text = f"run: backup {flag} {secret} --host {HOST}"
        yield _phrase("command-line", text, (secret,), (flag, HOST), "extended")


def _hashes(make: Maker) -> Iterator[Sample]:
    crypt = ALNUM + "./"
    for prefix in ("$2b$12$", "$2a$10$", "$2y$12$"):
        secret = make.of(crypt, 53)
        yield _phrase("password-hash", prefix + secret, (secret,), ())
    salt, secret = make.base64url(16), make.base64url(32)
    yield _phrase("password-hash", f"$argon2id$v=19$m=65536,t=3,p=4${salt}${secret}", (secret,), ())
    secret = make.base64(32)
    text = f"pbkdf2_sha256$870000${make.alnum(22)}${secret}"
    yield _phrase("password-hash", text, (secret,), ())
    secret = make.of(crypt, 86)
    yield _phrase("password-hash", f"$6${make.alnum(16)}${secret}", (secret,), ())
    secret = make.base64url(32)
    yield _phrase(
        "password-hash", f"scrypt:32768:8:1${make.alnum(16)}${make.hex(128)}{secret}", (secret,), ()
    )


def samples(seed: int = SEED) -> list[Sample]:
    """Return all samples of *seed*, the same for the same seed."""
    make = Maker(seed)
    vendors = [_value(category, key, tier) for category, tier, key in _vendors(make)]
    sources = (
        _named,
        _schemes,
        _keys_in_blocks,
        _urls,
        _connection_strings,
        _cookies,
        _numbers,
        _people,
        _hashes,
    )
    return [*vendors, *(sample for source in sources for sample in source(make))]


# --- the positions


class Position(NamedTuple):
    """A way of logging a sample: *build* returns the call and what its line has to keep."""

    group: str
    build: Callable[[Sample], tuple[Emit, tuple[str, ...]]]
    logger: str = "shop.orders"
    fmt: str | None = None
    suits: Callable[[Sample], bool] = lambda sample: True


POSITIONS: dict[str, Position] = {}


def _position(group: str, **options: Any) -> Callable[[Callable[[Sample], Any]], Any]:
    def register(build: Callable[[Sample], Any]) -> Any:
        name = build.__name__.removeprefix("_in_")
        POSITIONS[name] = Position(group, build, **options)
        return build

    return register


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _line_text(sample: Sample) -> bool:
    return sample.is_line


def _line_value(sample: Sample) -> bool:
    return sample.is_line and isinstance(sample.value, str)


def _key(sample: Sample) -> tuple[str, ...]:
    """Return what a structure with the sample in it has to keep."""
    return (sample.name, *sample.keeps)


@_position("message")
def _in_message(s: Sample) -> Any:
    return lambda log, _: log.info(f"worker 7 got {s.text} from upstream"), (
        "worker 7 got",
        "from upstream",
        *s.keeps,
    )


@_position("message")
def _in_argument(s: Sample) -> Any:
    return lambda log, _: log.info("worker %d got %s from upstream", 7, s.text), (
        "worker 7 got",
        "from upstream",
        *s.keeps,
    )


@_position("message")
def _in_named_argument(s: Sample) -> Any:
    arguments = {"worker": 7, _identifier(s.name): s.value}
    template = f"worker %(worker)d got %({_identifier(s.name)})s from upstream"
    keeps = () if s.is_keyed else s.keeps
    return lambda log, _: log.info(template, arguments), ("worker 7 got", "from upstream", *keeps)


@_position("message")
def _in_template_key(s: Sample) -> Any:
    template = f"host=%s {s.name}=%s port=%d"
    return lambda log, _: log.info(template, HOST, s.value, 5432), (
        HOST,
        s.name,
        *(() if isinstance(s.value, str) and " " in s.value else ("port=5432",)),
    )


@_position("message")
def _in_dict_argument(s: Sample) -> Any:
    return lambda log, _: log.info(
        "settings %s of worker %d", {"host": HOST, s.name: s.value}, 7
    ), (
        HOST,
        "of worker 7",
        *_key(s),
    )


@_position("message")
def _in_wrong_arguments(s: Sample) -> Any:
    """The template does not fit, so that the message cannot be made."""
    return lambda log, _: log.info("worker %d started", s.text), s.keeps


@_position("nested")
def _in_list_argument(s: Sample) -> Any:
    batch = [HOST, ({s.name: s.value},)]
    return lambda log, _: log.info("batch %s of worker %d", batch, 7), (
        HOST,
        "of worker 7",
        *_key(s),
    )


@_position("message")
def _in_dict_message(s: Sample) -> Any:
    return lambda log, _: log.info({"host": HOST, s.name: s.value}), (HOST, *_key(s))


@_position("nested")
def _in_extra(s: Sample) -> Any:
    return lambda log, _: log.info("settings read", extra={"host": HOST, s.name: s.value}), (
        HOST,
        *_key(s),
    )


@_position("nested")
def _in_nested_dict(s: Sample) -> Any:
    extra = {"request": {"id": 7, "meta": {"deep": {"host": HOST, s.name: s.value}}}}
    return lambda log, _: log.info("settings read", extra=extra), (HOST, *_key(s))


@_position("nested")
def _in_list(s: Sample) -> Any:
    extra = {"items": [{"host": HOST}, [{s.name: s.value}], s.text, 7]}
    return lambda log, _: log.info("settings read", extra=extra), (HOST, *_key(s))


@_position("nested")
def _in_tuple(s: Sample) -> Any:
    extra = {"pair": (HOST, (7, {s.name: s.value}))}
    return lambda log, _: log.info("settings read", extra=extra), (HOST, *_key(s))


@_position("nested")
def _in_set(s: Sample) -> Any:
    return lambda log, _: log.info("settings read", extra={"seen": {s.text, HOST}}), (
        HOST,
        *s.keeps,
    )


@_position("nested")
def _in_dataclass(s: Sample) -> Any:
    name = _identifier(s.name)
    settings = dataclasses.make_dataclass("Settings", [("host", str), (name, object)])(
        HOST, s.value
    )
    return lambda log, _: log.info("settings read", extra={"settings": settings}), (HOST, name)


@_position("nested")
def _in_namedtuple(s: Sample) -> Any:
    name = _identifier(s.name)
    settings = collections.namedtuple("Settings", ["host", name])(HOST, s.value)
    return lambda log, _: log.info("settings read", extra={"settings": settings}), (HOST,)


@_position("nested")
def _in_attrs(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        import attrs

        settings = attrs.make_class("Settings", ["host", name])(HOST, s.value)
        log.info("settings read", extra={"settings": settings})

    name = _identifier(s.name)
    return emit, (HOST, name)


@_position("nested")
def _in_pydantic(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        import pydantic

        fields: dict[str, Any] = {"host": (str, ...), name: (Any, ...)}
        settings = pydantic.create_model("Settings", **fields)(**{"host": HOST, name: s.value})
        log.info("settings read", extra={"settings": settings})

    name = _identifier(s.name)
    return emit, (HOST, name)


class _Client:
    def __init__(self, host: str, name: str, value: Any) -> None:
        self._shown = f"Client(host={host!r}, {name}={value!r}, port=5432)"

    def __repr__(self) -> str:
        return self._shown


@_position("nested")
def _in_object(s: Sample) -> Any:
    client = _Client(HOST, _identifier(s.name), s.value)
    return lambda log, _: log.info("settings read", extra={"client": client}), (HOST, "port=5432")


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


@_position("nested")
def _in_broken_company(s: Sample) -> Any:
    """A value beside it cannot be rendered, and the line is made all the same."""
    extra = {"first": _Broken(), "host": HOST, s.name: s.value, "inner": [_Broken(), s.text]}
    return lambda log, _: log.info("settings read", extra=extra), (HOST, *_key(s))


@_position("nested")
def _in_mapping(s: Sample) -> Any:
    settings = types.MappingProxyType(collections.OrderedDict({"host": HOST, s.name: s.value}))
    return lambda log, _: log.info("settings read", extra={"settings": settings}), (HOST, *_key(s))


@_position("nested")
def _in_deque(s: Sample) -> Any:
    recent = collections.deque([{"host": HOST}, {s.name: s.value}])
    return lambda log, _: log.info("settings read", extra={"recent": recent}), (HOST, *_key(s))


@_position("nested")
def _in_object_argument(s: Sample) -> Any:
    client = _Client(HOST, _identifier(s.name), s.value)
    return lambda log, _: log.info("using %r for now", client), (HOST, "port=5432", "for now")


@_position("nested")
def _in_bytes(s: Sample) -> Any:
    body = f"worker 7 got {s.text} from upstream".encode()
    return lambda log, _: log.info("body read", extra={"body": body}), ("worker 7 got", *s.keeps)


@_position("nested")
def _in_bytes_argument(s: Sample) -> Any:
    body = f"worker 7 got {s.text} from upstream".encode()
    return lambda log, _: log.info("body %s", body), ("worker 7 got", *s.keeps)


@_position("nested")
def _in_context(s: Sample) -> Any:
    def emit(log: logging.Logger, bind: Bind) -> None:
        with bind({"host": HOST, s.name: s.value}):
            log.info("settings read")

    return emit, (HOST, *_key(s))


@_position("nested")
def _in_bound_dict(s: Sample) -> Any:
    def emit(log: logging.Logger, bind: Bind) -> None:
        with bind({"request": {"host": HOST, s.name: s.value}}):
            log.info("settings read")

    return emit, (HOST, *_key(s))


def _raised(error: BaseException) -> BaseException:
    try:
        raise error.with_traceback(None)
    except BaseException as caught:  # noqa: BLE001 - the case is about any exception
        return caught


def _message(s: Sample) -> str:
    return f"cannot use {s.text} on {HOST}"


@_position("traceback")
def _in_exception(s: Sample) -> Any:
    error = ValueError(_message(s))
    return lambda log, _: log.error("failed", exc_info=_raised(error)), (
        "cannot use",
        HOST,
        *s.keeps,
    )


@_position("traceback")
def _in_exception_arguments(s: Sample) -> Any:
    error = KeyError({"host": HOST, s.name: s.value})
    return lambda log, _: log.error("failed", exc_info=_raised(error)), (HOST, *_key(s))


@_position("traceback")
def _in_cause(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        try:
            raise RuntimeError("order lost") from _raised(ValueError(_message(s)))
        except RuntimeError:
            log.exception("failed")

    return emit, ("order lost", "cannot use", HOST, *s.keeps)


@_position("traceback")
def _in_exception_context(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        try:
            try:
                raise ValueError(_message(s))
            finally:
                raise RuntimeError("order lost")
        except RuntimeError:
            log.exception("failed")

    return emit, ("order lost", "cannot use", HOST, *s.keeps)


@_position("traceback")
def _in_source_line(s: Sample) -> Any:
    """The literal stands in the source, and the traceback quotes the line."""
    return _from_source(s, "raise RuntimeError('order lost')", "error('failed', exc_info=True)")


@_position("traceback")
def _in_stack_line(s: Sample) -> Any:
    return _from_source(s, "log.info('order lost', stack_info=True)", "info('not reached')")


_sources = iter(range(sys.maxsize))


def _from_source(s: Sample, action: str, report: str) -> Any:
    if s.name.isidentifier():
        call = f"connect(log, host={HOST!r}, {s.name}={s.value!r})"
    else:
        call = f"connect(log, **{{'host': {HOST!r}, {s.name!r}: {s.value!r}}})"
    lines = [
        "def connect(log, **settings):",
        f"    {action}",
        "def run(log):",
        "    try:",
        f"        {call}",
        "    except RuntimeError:",
        f"        log.{report}",
    ]

    def emit(log: logging.Logger, _: Bind) -> None:
        filename = f"<orders {next(_sources)}>"
        names: dict[str, Any] = {}
        exec(compile("\n".join(lines), filename, "exec"), names)
        # A size and no time: linecache then keeps the lines without looking for the file.
        linecache.cache[filename] = (1, None, [line + "\n" for line in lines], filename)
        try:
            names["run"](log)
        finally:
            del linecache.cache[filename]

    return emit, ("order lost", HOST)


if sys.version_info >= (3, 11):

    @_position("traceback")
    def _in_note(s: Sample) -> Any:
        error = ValueError("order lost")
        error.add_note(_message(s))
        return lambda log, _: log.error("failed", exc_info=_raised(error)), (
            "order lost",
            "cannot use",
            HOST,
            *s.keeps,
        )

    @_position("traceback")
    def _in_exception_group(s: Sample) -> Any:
        members = [OSError("port closed"), ValueError(_message(s))]
        error = ExceptionGroup("orders", members)
        return lambda log, _: log.error("failed", exc_info=_raised(error)), (
            "port closed",
            "cannot use",
            HOST,
            *s.keeps,
        )


@_position("name", fmt="%(asctime)s %(threadName)s %(message)s", suits=_line_text)
def _in_thread_name(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        name = f"worker 7 got {s.text} from upstream"
        thread = threading.Thread(target=log.info, args=("settings read",), name=name)
        thread.start()
        thread.join()

    return emit, ("worker 7 got", *s.keeps)


@_position("name", fmt="%(asctime)s %(processName)s %(message)s", suits=_line_text)
def _in_process_name(s: Sample) -> Any:
    def emit(log: logging.Logger, _: Bind) -> None:
        process = multiprocessing.current_process()
        before = process.name
        process.name = f"worker 7 got {s.text} from upstream"
        try:
            log.info("settings read")
        finally:
            process.name = before

    return emit, ("worker 7 got", *s.keeps)


if sys.version_info >= (3, 12):

    @_position("name", fmt="%(asctime)s %(taskName)s %(message)s", suits=_line_text)
    def _in_task_name(s: Sample) -> Any:
        async def work(log: logging.Logger) -> None:
            log.info("settings read")

        async def main(log: logging.Logger) -> None:
            await asyncio.create_task(work(log), name=f"worker 7 got {s.text} from upstream")

        return lambda log, _: asyncio.run(main(log)), ("worker 7 got", *s.keeps)


@_position("text")
def _in_json_text(s: Sample) -> Any:
    body = json.dumps({"host": HOST, s.name: s.value, "retry": 3})
    return lambda log, _: log.info("response %s", body), (HOST, "retry", *_key(s))


@_position("text")
def _in_block(s: Sample) -> Any:
    return lambda log, _: log.info(f"HOST={HOST}\n{s.text}\nPORT=5432"), (
        f"HOST={HOST}",
        "PORT=5432",
        *s.keeps,
    )


def _long(s: Sample) -> str:
    """Return a text longer than a line may be, which is cut in or near one of its secrets."""
    part = f"worker 7 got {s.text} from upstream, "
    return part * (40_000 // len(part))


@_position("text")
def _in_long_message(s: Sample) -> Any:
    return lambda log, _: log.info("all: %s", _long(s)), ("worker 7 got", *s.keeps)


@_position("text")
def _in_long_extra(s: Sample) -> Any:
    return lambda log, _: log.info("all", extra={"body": _long(s)}), ("worker 7 got", *s.keeps)


@_position("text")
def _in_json_twice(s: Sample) -> Any:
    body = json.dumps({"host": HOST, "body": json.dumps({s.name: s.value, "retry": 3})})
    return lambda log, _: log.info("response %s", body), (HOST, "retry", s.name)


@_position("text")
def _in_json_extra(s: Sample) -> Any:
    body = json.dumps([{"host": HOST}, {s.name: s.value}])
    return lambda log, _: log.info("response", extra={"body": body}), (HOST, *_key(s))


@_position("text", suits=_line_text)
def _in_query_string(s: Sample) -> Any:
    query = urlencode({"page": 3, s.name: s.value, "sort": "asc"})
    return lambda log, _: log.info("query %s", query), ("page=3", "sort=asc", s.name)


@_position("text")
def _in_repr_text(s: Sample) -> Any:
    text = repr({"host": HOST, s.name: s.value, "retry": 3})
    return lambda log, _: log.info(f"called with {text} twice"), (HOST, "retry", "twice", *_key(s))


@_position("header", suits=_line_value)
def _in_headers(s: Sample) -> Any:
    headers = {"Host": HOST, s.name: s.value, "Accept": "*/*"}
    return lambda log, _: log.info("request", extra={"headers": headers}), (HOST, "*/*", *_key(s))


@_position("header", suits=_line_value)
def _in_header_pairs(s: Sample) -> Any:
    headers = [("Host", HOST), (s.name, s.value), ("Accept", "*/*")]
    return lambda log, _: log.info("request", extra={"headers": headers}), (HOST, "*/*", *_key(s))


@_position("header", suits=_line_value)
def _in_header_bytes(s: Sample) -> Any:
    headers = [(b"host", HOST.encode()), (s.name.encode(), s.value.encode())]
    return lambda log, _: log.info("request", extra={"scope": {"headers": headers}}), (
        HOST,
        *_key(s),
    )


@_position("header", suits=_line_value)
def _in_header_bytes_mapping(s: Sample) -> Any:
    headers = {b"host": HOST.encode(), s.name.encode(): s.value.encode()}
    return lambda log, _: log.info("request", extra={"headers": headers}), (HOST, *_key(s))


@_position("header", suits=_line_value)
def _in_header_names_and_values(s: Sample) -> Any:
    headers = [{"name": "Host", "value": HOST}, {"name": s.name, "value": s.value}]
    return lambda log, _: log.info("request", extra={"headers": headers}), (HOST, *_key(s))


@_position("header", suits=_line_value)
def _in_headers_argument(s: Sample) -> Any:
    headers = [(b"Host", HOST.encode()), (s.name.encode(), s.value.encode())]
    return lambda log, _: log.info("request headers=%r", headers), (HOST, *_key(s))


@_position("text", suits=_line_value)
def _in_url(s: Sample) -> Any:
    url = f"https://api.example.com/v2/items?{urlencode({'page': 3, s.name: s.value})}"
    return lambda log, _: log.info("fetching", extra={"url": url}), (
        "api.example.com/v2/items",
        "page=3",
        s.name,
    )


# The format strings are the libraries' own.


@_position("third party", logger="urllib3.connectionpool", suits=_line_value)
def _in_urllib3(s: Sample) -> Any:
    path = f"/v2/items?{urlencode({'page': 3, s.name: s.value})}"
    args = ("https", "api.example.com", 443, "GET", path, "HTTP/1.1", 200, 512)
    return lambda log, _: log.debug('%s://%s:%s "%s %s %s" %s %s', *args), (
        "api.example.com",
        "/v2/items",
        "200 512",
    )


@_position("third party", logger="httpx", suits=_line_value)
def _in_httpx(s: Sample) -> Any:
    url = f"https://api.example.com/v2/items?{urlencode({s.name: s.value})}"
    args = ("POST", url, "HTTP/1.1", 201, "Created")
    return lambda log, _: log.info('HTTP Request: %s %s "%s %d %s"', *args), (
        "api.example.com/v2/items",
        "201 Created",
    )


@_position("third party", logger="httpcore.http11", suits=_line_value)
def _in_httpcore(s: Sample) -> Any:
    headers = [(b"Server", b"nginx"), (s.name.encode(), s.value.encode()), (b"Via", b"1.1 edge")]
    message = (
        f"receive_response_headers.complete return_value={(b'HTTP/1.1', 200, b'OK', headers)!r}"
    )
    return lambda log, _: log.debug(message), ("receive_response_headers", "nginx", s.name)


@_position("third party", logger="botocore.endpoint")
def _in_botocore(s: Sample) -> Any:
    params = {
        "url_path": "/orders",
        "headers": {"User-Agent": "Boto3/1.40"},
        "body": {"Name": "shop", s.name: s.value},
        "url": "https://sqs.eu-west-1.amazonaws.com/orders",
    }
    template = "Making request for %s with params: %s"
    return lambda log, _: log.debug(template, "OperationModel(name=Send)", params), (
        "OperationModel(name=Send)",
        "sqs.eu-west-1.amazonaws.com/orders",
        *_key(s),
    )


@_position("third party", logger="sqlalchemy.engine.Engine")
def _in_sqlalchemy(s: Sample) -> Any:
    parameters = {"id": 7, s.name: s.value}
    return lambda log, _: log.info("[generated in %.5fs] %r", 0.00021, parameters), (
        "generated in",
        *_key(s),
    )


@_position("third party", logger="django.db.backends")
def _in_django(s: Sample) -> Any:
    name = _identifier(s.name)
    sql = f"UPDATE shop_user SET {name} = '{s.value}' WHERE id = 7"
    args = (0.002, sql, None, "default")
    return lambda log, _: log.debug("(%.3f) %s; args=%s; alias=%s", *args), (
        "UPDATE shop_user SET",
        "alias=default",
    )


@_position("third party", logger="celery.worker.strategy")
def _in_celery(s: Sample) -> Any:
    data = {
        "id": "c0ffee",
        "name": "shop.tasks.sync",
        "kwargs": repr({"host": HOST, s.name: s.value}),
    }
    template = "TaskPool: Apply %(name)s[%(id)s] kwargs:%(kwargs)s"
    return lambda log, _: log.debug(template, data), ("shop.tasks.sync[c0ffee]", HOST, *_key(s))


@_position("third party", logger="uvicorn.access", suits=_line_value)
def _in_uvicorn(s: Sample) -> Any:
    path = f"/callback?{urlencode({'page': 3, s.name: s.value})}"
    args = ("10.0.0.7:51234", "GET", path, "1.1", 200)
    return lambda log, _: log.info('%s - "%s %s HTTP/%s" %d', *args), (
        "10.0.0.7",
        "/callback",
        "200",
    )


@_position("third party", logger="openai._base_client", suits=_line_value)
def _in_openai(s: Sample) -> Any:
    options = {"method": "post", "url": "/chat/completions", "headers": {s.name: s.value}}
    return lambda log, _: log.debug("Request options: %s", options), ("/chat/completions", *_key(s))


_ENCODING = frozenset(("query_string", "url", "urllib3", "httpx", "uvicorn"))


def _interleaved() -> list[str]:
    """Return the positions' names in an order that mixes the groups evenly."""
    groups = collections.defaultdict(list)
    for name, position in POSITIONS.items():
        groups[position.group].append(name)
    places = {
        name: (at + 0.5) / len(members)
        for members in groups.values()
        for at, name in enumerate(members)
    }
    return sorted(places, key=places.__getitem__)


def positives(seed: int = SEED, *, every: bool = False, per_sample: int = 6) -> list[Case]:
    """
    Return the cases: each sample in *per_sample* positions, in rotation, or in *every* one.

    A format that only the URL encoding hides is of the extended tier there.
    """
    cases = []
    names = _interleaved()
    turn = 0
    for number, sample in enumerate(samples(seed)):
        chosen = 0
        for _ in names:
            name = names[turn % len(names)]
            turn += 1
            position = POSITIONS[name]
            if not position.suits(sample):
                continue
            emit, keeps = position.build(sample)
            tier = sample.tier
            if (
                name in _ENCODING
                and not sample.is_keyed
                and quote_plus(str(sample.value)) != sample.value
            ):
                tier = "extended"
            cases.append(
                Case(
                    f"{sample.category}.{number}.{name}",
                    sample.category,
                    tier,
                    name,
                    position.group,
                    position.logger,
                    emit,
                    sample.secrets,
                    tuple(dict.fromkeys(keep for keep in keeps if keep)),
                    position.fmt,
                )
            )
            chosen += 1
            if chosen == per_sample and not every:
                break
    return cases


# --- what a line shows

# Where a short number may stand by chance: times and places of the source.
_OWN = frozenset(
    ("timestamp", "asctime", "line", "lineno", "file", "span_id", "trace_id", "correlation_id")
)
_PLACE = re.compile(r"\bline \d+")


class NotALine(ValueError):
    """What was written is not one object of strict JSON."""


def texts(line: str, *, without: str = "") -> str:
    """Return all that *line* shows, decoded, but times, places and *without*; raises NotALine."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, member in value.items():
                found.append(key)
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            found.append(str(value))

    def refuse(constant: str) -> Any:
        raise NotALine(f"{constant} is not JSON")

    if "\n" in line:
        raise NotALine("more than one line")
    try:
        tree = json.loads(line, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise NotALine(str(error)) from None
    if not isinstance(tree, dict):
        raise NotALine("not an object")
    for key, value in tree.items():
        if key not in _OWN and key != without:
            found.append(key)
            walk(value)
    return _PLACE.sub("line", "\n".join(found))


def stands(text: str, part: str) -> bool:
    """Whether *part* is in *text*, as it is or encoded for a URL."""
    return _place(text, part) >= 0


def _place(text: str, part: str) -> int:
    return max(text.find(form) for form in (part, quote(part, safe=""), quote_plus(part)))


def leak(text: str, secret: str) -> str:
    """
    Return the part of *text* where *secret*, or half of a long one, stands; empty if nowhere.

    A short one counts as a whole word, as its digits may be anywhere; of an e-mail address the host
    may stay.
    """
    if len(secret) < 8:
        word = re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text)
        places = [word.start() if word else -1]
    else:
        halves = [secret[: len(secret) // 2], secret[len(secret) // 2 :]]
        pieces = (
            [secret.split("@")[0]] if "@" in secret else halves if len(secret) > 11 else [secret]
        )
        places = [_place(text, piece) for piece in pieces]
    at = max(places)
    return text[max(0, at - 60) : at + 60] if at >= 0 else ""
