"""Pure data: which names, shapes and checksums make a text a secret."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from itertools import chain

from ._pattern import Pattern

# A name is secret by its last words: `db_password`, `X-Api-Key`, `clientSecret`. So `max_tokens`,
# `password_reset_sent_at`, `secretary` and `token_type` are not.
SECRET = """
    password passwd passwort passphrase passcode pass_phrase pass_code pwd passwords pass_word
    secret client_secret secret_value token jwt bearer otp totp mfa_code one_time_code
    verification_code auth_code authorization_code security_code pin pin_code cvv cvc cvv2 cvc2
    csc api_key apikey access_key secret_key private_key signing_key encryption_key decryption_key
    account_key master_key auth_key license_key session_key subscription_key consumer_key ssh_key
    deploy_key service_key storage_key shared_key app_key application_key server_key client_key
    webhook_key secret_access_key shared_access_key host_key_private pem_key hmac_key jwt_key
    credential access_key_id secret_key_base otp_code sms_code pin_no authorization authorisation
    proxy_authorization x_auth basic_auth http_auth proxy_auth user_pass userpass auth_header
    cookie set_cookie session_id sessionid phpsessid jsessionid session_token session_cookie csrf
    xsrf csrftoken xsrftoken csrf_token sid_token connect_sid aspxauth ssn social_security
    social_security_number social_security_no national_id national_id_number
    national_insurance_number national_insurance_no nino passport passport_no passport_number
    driver_license drivers_license driver_license_number drivers_license_number driving_licence
    tax_id tax_number tax_identification_number tin cpf identity_number id_card_number card_number
    card_no cardnumber credit_card creditcard credit_card_number debit_card debit_card_number
    cc_number cc_num ccnum pan iban bic_account account_number account_no bank_account
    bank_account_number routing_number sort_code password_hash pwd_hash passwd_hash
    hashed_password password_digest encrypted_password secret_hash salt pepper security_answer
    secret_answer mother_maiden_name mothers_maiden_name phone phone_number phone_no mobile
    mobile_number mobile_no mobile_phone telephone tel msisdn cell_phone home_phone work_phone
    sas_token sas refresh_jwt id_jwt seed_phrase recovery_phrase mnemonic recovery_code
    backup_code two_factor_code webhook_secret shared_secret consumer_secret app_secret
    storage_secret x_amz_signature x_amz_security_token x_amz_credential x_goog_signature
    x_goog_credential security_token private_token personal_access_token code_verifier
    client_assertion saml_response unlock_code magic_link kubeconfig
"""

# Of several: what they hold is withheld, how many there are is not (`tokens=1500`).
PLURAL = (
    "passwords secrets tokens credentials creds cookies api_keys pins private_keys secret_keys jwts"
)

# Secret only where the value looks opaque; the same word has many innocent values.
WEAK = (
    "session sess sid auth sig signature hash_key nonce_token access hmac secret_id code_challenge"
)

# Addresses, of which only the part that opens them is withheld.
LOCATOR = """
    dsn connection_string conn_str connection_str conn_string connectionstring database_url db_url
    redis_url broker_url amqp_url mongo_url mongo_uri mongodb_uri database_uri db_uri jdbc_url
    sqlalchemy_database_uri webhook_url webhook_uri webhook callback_url reset_url reset_link
    signed_url presigned_url sas_url
"""

# Ends like a secret's name, and is none: cursors, tokens of text, keys of tables.
INNOCENT = """
    next_token page_token next_page_token continuation_token sync_token cursor_token cancel_token
    cancellation_token stop_token eos_token bos_token pad_token unk_token sep_token cls_token
    mask_token special_token end_token start_token first_token last_token per_token to_token
    unexpected_token invalid_token_type has_password has_token has_secret is_secret is_password
    use_token use_password requires_password requires_token no_password forgot_password
    reset_password change_password set_password missing_token with_password without_password
    safe_pin map_pin gpio_pin header_pin cookie_consent bad_tel public_api_key_id invalid_password
    wrong_password incorrect_password invalid_token expired_token max_tokens min_tokens
    total_tokens num_tokens input_tokens output_tokens prompt_tokens completion_tokens
"""

# The names whose text is a whole header: several words, up to the end of the line.
COOKIES = frozenset({"cookie", "set-cookie", "cookies", "set_cookie"})

# Compact names that hide a secret's word at their end: `PGPASSWORD`, `dbpassword`, `authtoken`.
ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "apikey", "authtoken", "accesstoken"),
    *("middlewaretoken", "sessiontoken", "refreshtoken", "usertoken", "bearertoken", "idtoken"),
)

LONG = 14
"""
Characters. A text whose words are all shorter than this, and that has none of the punctuation,
groups of digits and verbs `_redact` looks for, holds no secret, so it is not looked at.
"""

# Nothing to withhold: absence, types, and what prose puts behind a colon.
NOTHING = frozenset(
    """
    none null nil true false undefined empty missing required optional invalid valid expired unknown
    str string int bytes bool any text number object wrong incorrect changed reset hidden masked
    redacted filtered removed scrubbed secret enabled disabled set unset ok failed error yes no not
    must is are was has the a an and or for in on of to at by with from type name value password
    token default placeholder example changeme_not basic bearer digest negotiate apikey self cls
    """.split()
)

MASKED = r"""[*•]{1,64}|[xX]{3,64}|[.#\-_]{1,64}|[*x.•X#\-_]{4,64}
    |\[[^\[\]]{0,40}\]|<[^<>]{0,64}>|\(hidden\)|\*{2,}\S{0,4}
    |\S{0,4}\*{3,}\S{0,4}
    |\$\{[^{}]{1,128}\}|\{\{[^{}]{1,128}\}\}|\{[A-Za-z0-9_.!:\[\]]{0,64}\}|\$[A-Z_][A-Z0-9_]{1,64}
    |%\([^()]{1,64}\)[a-z]|%[-0-9.]{0,8}[a-z%]|\?|:[a-z_][a-z0-9_]{0,64}|\$\d{1,3}|@[a-z_]{1,64}
    """
"""What stands where a secret might, and is none; to be compiled with re.VERBOSE."""


class Rule:
    """
    What one kind of secret looks like.

    Args:
        name: what options and reports call it.
        needs: literals, as the table says; a text without any of them is not looked at.
        source: the regular expression; its group ``secret`` is withheld, or all of it where it has
            none. Compiled when it is first needed.
        is_right: the checksum or the like, asked with the match; None: the form is enough.
    """

    def __init__(
        self,
        name: str,
        needs: str,
        source: str,
        is_right: Callable[[re.Match[str]], bool] | None = None,
    ) -> None:
        self.name = name
        self.needs = tuple(needs.split())
        self.pattern = Pattern(source, re.ASCII)
        self.is_right = is_right


def has_digit(match: re.Match[str]) -> bool:
    """Say whether the match has a digit: random text of some length does, words do not."""
    return any("0" <= each <= "9" for each in match[0])


def passes_luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        total += value if place % 2 == 0 else (value * 2 if value < 5 else value * 2 - 9)
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Say whether *digits* is a card's number: issuer's range, its length, the check digit."""
    size, two, three, four = len(digits), digits[:2], int(digits[:3] or 0), int(digits[:4] or 0)
    known = (
        (size in (16, 19) and digits[0] == "4")
        or (size == 16 and ("51" <= two <= "55" or 2221 <= four <= 2720))
        or (size == 15 and two in ("34", "37"))
        or (size in (16, 19) and (four == 6011 or 644 <= three <= 649 or two == "65"))
        or (size == 16 and 3528 <= four <= 3589)
        or (size == 14 and (300 <= three <= 305 or two in ("36", "38", "39")))
        or (size in (16, 19) and two == "62")
        or (size == 16 and two in ("50", "56", "57", "58", "67"))
    )
    return known and len(set(digits)) > 1 and passes_luhn(digits)


def _is_card(match: re.Match[str]) -> bool:
    return is_card("".join(filter(str.isdigit, match[0])))


# Source: SWIFT IBAN registry, the length by country.
_IBAN_LENGTHS = dict(
    pair.split(":")
    for pair in """
    AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22
    DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28
    IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27
    MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24
    SC:31 SE:24 SI:19 SK:24 SM:27 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20
    """.split()
)


def _is_iban(match: re.Match[str]) -> bool:
    """Source: ISO 13616-1, modulo 97 of ISO 7064."""
    code = match[0].replace(" ", "").replace("-", "")
    if _IBAN_LENGTHS.get(code[:2]) != str(len(code)):
        return False
    return int("".join(str(int(each, 36)) for each in code[4:] + code[:4])) % 97 == 1


def _is_address(match: re.Match[str]) -> bool:
    """Say whether it is a person's address: not a repository, a worker's name, a file."""
    local, _, domain = match[0].rpartition("@")
    behind = match.string[match.end() : match.end() + 2]
    return not (
        local.lower() in ("git", "hg", "svn", "celery", "app", "self", "cls")
        or (behind[:1] == ":" and (behind[1:].isalpha() or behind[1:] == "/"))
        or domain.rpartition(".")[2].lower()
        in ("local", "internal", "localhost", "svc", "lan", "py", "js", "png", "jpg", "svg", "json")
    )


def _is_userinfo(match: re.Match[str]) -> bool:
    return match["secret"][0] not in "*[<{$%" and match["secret"].strip("xX*.") != ""


_EDGE = r"(?<![A-Za-z0-9_])"

# Each behind a literal of its own, and none repeats twice over something unbounded, so that time
# stays linear in the text.

# Those that have a word of so many letters, digits, ``_`` and ``-``.
WORDS: dict[int, tuple[Rule, ...]] = {
    0: (
        Rule("password_hash", "{sha {ssha", r"\{S?SHA(?:256|512)?\}[A-Za-z0-9+/=]{20,128}"),
        Rule(
            "bearer",
            "bearer basic negotiate apikey token ntlm splunk",
            # The first two are looked for by themselves; behind the others stands a long word.
            _EDGE + r"(?:(?i:bearer|basic) {1,4}|(?i:negotiate|apikey|token|ntlm|splunk) {1,4}"
            r"(?=[+/._~]{0,8}[A-Za-z0-9_\-]{14}))"
            r"(?P<secret>(?=[A-Za-z0-9+/._~\-]{0,256}[0-9A-Z=])"
            r"[A-Za-z0-9+/._~\-]{11,}={0,2})",
            lambda match: has_digit(match) or match[0].endswith("=") or len(match["secret"]) >= 16,
        ),
        Rule(
            "jwt",
            "eyj",
            _EDGE + r"eyJ[A-Za-z0-9_\-]{11,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*){0,3}",
        ),
        Rule(
            "webhook",
            "hook",
            r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/|/api/webhooks/\d{5,25}/"
            r"|webhook\.office\.com/webhookb2/|hooks\.zapier\.com/hooks/catch/)"
            r"(?P<secret>[A-Za-z0-9_/@.\-]{8,256})",
        ),
    ),
    20: (
        Rule("private_key", "age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
        Rule(
            "link",
            "/reset /verify /confirm /magic /invite /activate /unsubscribe",
            r"/(?:password[-_/]?)?(?:reset|verify|confirm|magic|invite|activate|unsubscribe)"
            r"(?:[-_](?:password|email|account|link|login))?/(?:[A-Za-z0-9]{1,12}/)?"
            r"(?P<secret>[A-Za-z0-9_\-]{20,256})(?!\w)",
            has_digit,
        ),
        Rule("sendgrid", "sg.", _EDGE + r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}"),
        Rule(
            "token",
            "hvs. hvb. hvr. ya29. dp. dt0 atlasv1. .eyj 1//0 flyv1 snyk_ pat. sha256~ v1.0- -us",
            _EDGE + r"(?:hv[sbr]\.[A-Za-z0-9_\-]{20,}|ya29\.[A-Za-z0-9_\-]{14}[A-Za-z0-9_.\-]{6,}"
            r"|dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{1,35}\.)?[A-Za-z0-9]{30,}"
            r"|dt0[a-z]\d\d\.[A-Z0-9]{20,}\.[A-Z0-9]{40,}|1//0[A-Za-z0-9_\-]{30,}"
            r"|[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_=\-]{40,}"
            r"|[st]k\.eyJ[A-Za-z0-9_\-]{14}[A-Za-z0-9_.\-]{6,}"
            r"|FlyV1 fm\d[A-Za-z]?_[A-Za-z0-9+/=_\-]{40,}"
            r"|pat\.[A-Za-z0-9_\-]{20,24}\.[A-Za-z0-9]{20,26}\.[A-Za-z0-9]{18,24}"
            r"|sha256~[A-Za-z0-9_\-]{40,}|v1\.0-[a-f0-9]{24}-[a-f0-9]{100,160}"
            r"|[a-f0-9]{32}-us\d{1,2}(?!\w)"
            r"|snyk_uat\.[a-z0-9]{6,10}\.[A-Za-z0-9_\-]{14}[A-Za-z0-9_.\-]{6,})",
        ),
    ),
}

# Those that have punctuation of `_redact`'s, by the one that must be there. What a rule needs is
# what is left of that in a long text without its letters, each digit as "0".
MARKS: dict[str, tuple[Rule, ...]] = {
    "-----BEGIN": (
        Rule(
            "private_key",
            "-----",
            r"(?s:-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
            r"(?P<secret>(?:(?!-----).){1,16384})(?:-----END [A-Z0-9 ]{0,32}-----)?)",
        ),
    ),
    "@": (
        Rule(
            "url",
            "@",
            r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{1,24}://[^\s/:@\"'<>?#\\]{0,256}"
            r":(?P<secret>[^\s/\"'<>?#\\]{1,256})@",
            _is_userinfo,
        ),
        Rule(
            "url",
            "@",
            r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{1,24}://(?P<secret>[^\s/:@\"'<>?#\\]{20,256})@",
            has_digit,
        ),
        Rule(
            "url",
            "@",
            r"(?<![\w/.\-])[A-Za-z][\w$]{0,30}/(?P<secret>[^\s/@\"']{4,128})"
            r"@(?=//[A-Za-z]|[A-Za-z][A-Za-z0-9.\-]{0,128}:\d{2,5}/)",
        ),
        Rule(
            "url",
            "@",
            r"(?<![^\s\"'=(\[,])[A-Za-z0-9_.\-]{1,64}:(?P<secret>[^\s:@/\"'<>]{1,128})"
            r"@(?!sha256:)(?=tcp\(|unix\(|//[A-Za-z]|[A-Za-z0-9.\-]{1,128}(?::\d{2,5}\b|/))",
            _is_userinfo,
        ),
        Rule(
            "email",
            "@",
            r"(?<![A-Za-z0-9._%+\-@/:])[A-Za-z0-9][A-Za-z0-9._+\-]{0,63}@"
            r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![A-Za-z0-9_@(]|\.[A-Za-z0-9])",
            _is_address,
        ),
    ),
    ":AA": (
        Rule("telegram", "00000000:", r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_\-]{32,34}(?![A-Za-z0-9_\-])"),
    ),
    "Q~": (
        Rule(
            "azure",
            "0~",
            _EDGE + r"[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}(?![A-Za-z0-9_~.\-])",
        ),
    ),
    "$": (
        Rule(
            "password_hash",
            "$",
            r"\$(?:2[abxy]\$\d\d\$[./A-Za-z0-9]{40,60}|argon2(?:id|i|d)\$[^\s\"';]{20,300}"
            r"|[156y]\$[^\s\"',;$]{1,64}\$[./A-Za-z0-9]{20,128}|pbkdf2[-a-z0-9]*\$[^\s\"',;]{20,300}"
            r"|scrypt\$[^\s\"',;]{20,300}|P\$[./A-Za-z0-9]{31})"
            r"|(?<![A-Za-z0-9_])(?:pbkdf2_sha\d{1,3}|bcrypt_sha256|argon2|scrypt|pbkdf2:sha\d{1,3}:\d+|scrypt:[\d:]+)"
            r"\$[^\s\"',;]{20,300}",
        ),
    ),
}

# Asked only for texts in which digits stand in such groups.
NUMBERS: tuple[Rule, ...] = (
    Rule(
        "card",
        "00000000000000 0000_0000 0000-0000",
        r"(?<![\w.\-+])(?:\d{14,16}|\d{19}|\d{4}([ \-])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?"
        r"|\d{4}([ \-])\d{6}\2\d{4,5})(?![\w\-]|\.\d)",
        _is_card,
    ),
    Rule(
        "ssn",
        "000-00-0000",
        r"(?<![\w\-.])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w\-]|\.\d)",
    ),
    Rule(
        "iban",
        "AA00",
        r"(?<![A-Za-z0-9])[A-Z]{2}\d\d"
        r"(?:[A-Z0-9]{11,30}|(?:[ \-][A-Z0-9]{4}){2,7}(?:[ \-][A-Z0-9]{1,3})?)(?![A-Za-z0-9])",
        _is_iban,
    ),
)

_W, _A, _HEX, _U = r"A-Za-z0-9_\-", "A-Za-z0-9", "a-f0-9", "A-Z0-9"

# Of the services that give their keys a prefix: name, prefixes, characters, fewest of them.
_PREFIXED: tuple[tuple[str, str, str, int], ...] = (
    ("aws", "AKIA ASIA ABIA ACCA", _U, 16),
    ("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", "A-Za-z0-9_", 22),
    (
        "gitlab",
        "glpat- gldt- glrt- glptt- glsoat- glcbt- glffct- glimt- glft- glagent- gloas- GR1348941",
        _W,
        16,
    ),
    ("slack", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xapp-", _W, 10),
    (
        "stripe",
        "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_ whsec_ ek_live_ ek_test_",
        _A,
        10,
    ),
    ("openai", "sk- sk-proj- sk-svcacct- sk-admin- sess-", _W, 20),
    ("anthropic", "sk-ant-", _W, 16),
    ("huggingface", "hf_ api_org_", _A, 30),
    ("google", "AIza", _W, 30),
    ("google", "GOCSPX-", _W, 20),
    ("npm", "npm_ npm_oidc_", _A, 20),
    ("pypi", "pypi-", _W, 40),
    ("twilio", " ".join(f"SK{digit}" for digit in "0123456789abcdef"), _HEX, 31),
    ("mailgun", "key-", _HEX, 32),
    ("sendinblue", "xkeysib- xsmtpsib-", _W, 20),
    ("digitalocean", "dop_v1_ doo_v1_ dor_v1_", _HEX, 32),
    ("databricks", "dapi dose dkea", _HEX + r"\-", 32),
    ("shopify", "shpat_ shpss_ shpca_ shppa_ shptka_", _A, 20),
    ("square", "sq0csp- sq0atp- sq0idp-", _W, 20),
    ("square", "EAAA", _W, 50),
    ("facebook", "EAACEdEose0cBA EAAB EAAC EAAD EAAG EAAI EAAJ", _A, 30),
    ("linear", "lin_api_ lin_oauth_", _A, 20),
    ("notion", "ntn_ secret_", _A, 40),
    ("postman", "PMAK-", _W, 30),
    ("pulumi", "pul-", _HEX, 32),
    ("grafana", "glsa_ glc_", r"A-Za-z0-9_+/=", 30),
    ("sentry", "sntrys_ sntryu_", r"A-Za-z0-9_+/=", 20),
    ("newrelic", "NRAK- NRII- NRJS- NRAA- NRIQ- NRRA-", _W, 19),
    ("planetscale", "pscale_tkn_ pscale_pw_ pscale_oauth_", _W + ".=", 24),
    ("atlassian", "ATATT3 ATCTT3 ATBB", r"A-Za-z0-9_\-=", 24),
    ("docker", "dckr_pat_ dckr_oat_", _W, 20),
    ("groq", "gsk_", _A, 20),
    ("replicate", "r8_", _A, 30),
    ("perplexity", "pplx-", _A, 30),
    ("xai", "xai-", _A, 40),
    ("supabase", "sbp_ sb_secret_", _W, 20),
    ("rubygems", "rubygems_", _HEX, 40),
    ("figma", "figd_ figo_", _W, 30),
    ("heroku", "HRKU-", _W, 30),
    ("netlify", "nfp_ nfc_ nfo_", _A, 30),
    ("fly", "fo1_", _W, 40),
    ("airtable", "pat", _A + ".", 70),
    ("circleci", "CCIPAT_ CCIPRJ_", _W, 20),
    ("buildkite", "bkua_ bkpt_", _A, 30),
    ("jfrog", "AKCp cmVmd", _A, 59),
    ("alibaba", "LTAI", _A, 12),
    ("tencent", "AKID", _A, 30),
    ("plaid", "access-sandbox- access-development- access-production-", _HEX + r"\-", 36),
    ("typeform", "tfp_", _W, 40),
    ("adafruit", "aio_", _A, 26),
    ("prefect", "pnu_ pnb_", _A, 30),
    ("shippo", "shippo_live_ shippo_test_", _HEX, 32),
    ("readme", "rdme_", _A, 40),
    ("clojars", "CLOJARS_", _A, 40),
    ("crates", "cio", _A, 32),
    ("easypost", "EZAK EZTK", _A, 40),
    ("duffel", "duffel_live_ duffel_test_", _W, 30),
    ("contentful", "CFPAT-", _W, 30),
    ("lob", "live_pub_ test_pub_ live_sec_", _A, 20),
    ("flutterwave", "FLWSECK- FLWSECK_TEST- FLWSECK_LIVE-", _W, 12),
    ("paystack", "sk_live_ sk_test_", _A, 30),
    ("razorpay", "rzp_live_ rzp_test_", _A, 14),
    ("onepassword", "ops_eyJ", r"A-Za-z0-9_\-+/=", 40),
    ("langsmith", "lsv2_pt_ lsv2_sk_ ls__", _W, 20),
    ("pinecone", "pcsk_", _W, 30),
    ("voyage", "pa-", _W, 40),
    ("fireworks", "fw_", _A, 24),
    ("nvidia", "nvapi-", _W, 30),
    ("cohere", "co_api_", _A, 20),
    ("vercel", "vcp_ vci_ vca_ vcr_ vck_", _A, 24),
    ("resend", "re_", r"A-Za-z0-9_", 24),
    ("tailscale", "tskey-", _W, 20),
    ("ngrok", "cr_", _A, 60),
    ("octopus", "API-", _U, 26),
    ("cloudflare", "cfut_ cfat_ cfk_", _A, 30),
    ("confluent", "cflt", r"A-Za-z0-9/+", 50),
    ("webex", "Y2lzY29zcGFyazov", r"A-Za-z0-9+/=", 40),
    ("elastic", "essu_", r"A-Za-z0-9+/=_\-", 30),
)

# A prefix of few letters is also that of words; random text of some length has a digit.
_PLAIN_PREFIX, _PLAIN_SIZE = 5, 30


@functools.cache
def prefixed() -> dict[str, list[tuple[str, Rule]]]:
    """Return prefixes and rules of `_PREFIXED` by the first three characters of the former."""
    heads: dict[str, list[tuple[str, Rule]]] = {}
    for name, prefixes, characters, fewest in _PREFIXED:
        for prefix in prefixes.split():
            whole = rf"(?=[A-Za-z0-9_\-]{{{LONG}}})"  # what a text is asked for before all else
            source = rf"{_EDGE}{whole}{re.escape(prefix)}[{characters}]{{{fewest},}}"
            check = has_digit if len(prefix) <= _PLAIN_PREFIX and fewest < _PLAIN_SIZE else None
            heads.setdefault(prefix[:3], []).append((prefix, Rule(name, "", source, check)))
    return heads


DISCORD = Rule(
    "discord",
    "",
    _EDGE
    + r"[MNO][A-Za-z0-9_\-]{22,28}\.[A-Za-z0-9_\-]{5,8}\.[A-Za-z0-9_\-]{25,45}(?![A-Za-z0-9_\-])",
)

NAMES = frozenset(
    {rule.name for rule in (*chain(*WORDS.values()), *chain(*MARKS.values()), *NUMBERS, DISCORD)}
    | {row[0] for row in _PREFIXED}
    | {"name", "registered", "path"}
)
"""Every rule's name: what options may speak of."""
