"""JSON Web Tokens that are admitted, and those that are refused."""

import logging
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from jero import Unauthorized, WiringError
from jero.auth import APIKeyAuth, Expiring
from jero.auth.header import AuthorizationHeaders
from jero.auth.jwt import JWTAuth
from tests.auth.asking import asked, refusal
from tests.auth.tokens import AUDIENCE, INVALID, ISSUER, SECRET, Claims, bearer, claims, tampered, token

STRICT = JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)


NOW = int(time.time())
GOOD = token(claims())

REFUSED = {
    "expired": token(claims(exp=NOW - 1)),
    "expires now": token(claims(exp=NOW)),
    "without exp": token(claims(exp=...)),
    "exp null": token(claims(exp=None)),
    "exp text": token(claims(exp="soon")),
    "exp digits": token(claims(exp=str(NOW + 86_400))),
    "exp true": token(claims(exp=True)),
    "exp list": token(claims(exp=[NOW + 86_400])),
    "exp object": token(claims(exp={})),
    "exp infinite": token(claims(exp=float("inf"))),
    "exp NaN": token(claims(exp=float("nan"))),
    "exp negative": token(claims(exp=-1)),
    "not yet valid": token(claims(nbf=NOW + 86_400)),
    "nbf text": token(claims(nbf="0")),
    "nbf true": token(claims(nbf=True)),
    "issued in the future": token(claims(iat=NOW + 86_400)),
    "iat text": token(claims(iat="0")),
    "another audience": token(claims(aud="https://other.example.org")),
    "other audiences": token(claims(aud=["https://other.example.org", ""])),
    "an audience that begins so": token(claims(aud=AUDIENCE + ".evil")),
    "aud number": token(claims(aud=1)),
    "aud list of numbers": token(claims(aud=[1, AUDIENCE])),
    "without aud": token(claims(aud=...)),
    "aud empty": token(claims(aud=[])),
    "another issuer": token(claims(iss="https://evil.example.org")),
    "iss list": token(claims(iss=[ISSUER])),
    "without iss": token(claims(iss=...)),
    "another algorithm": token(claims(), {"alg": "HS512"}, digest="sha512"),
    "algorithm in small letters": token(claims(), {"alg": "hs256"}),
    "algorithm unknown": token(claims(), {"alg": "HS1"}),
    "algorithm list": token(claims(), {"alg": ["HS256"]}),
    "algorithm null": token(claims(), {"alg": None}),
    "without algorithm": token(claims(), {"typ": "JWT"}),
    "unsigned": token(claims(), {"alg": "none"}).rpartition(".")[0] + ".",
    "unsigned, None": token(claims(), {"alg": "None"}).rpartition(".")[0] + ".",
    "none with a signature": token(claims(), {"alg": "none"}),
    "signature left out": GOOD.rpartition(".")[0] + ".",
    "signature of another secret": token(claims(), secret="another secret of 32 bytes, at least"),
    "signature of an empty secret": token(claims(), secret=""),
    "header tampered with": tampered(GOOD, 0),
    "payload tampered with": tampered(GOOD, 1),
    "payload replaced": ".".join([GOOD.split(".")[0], token(claims(sub="eve")).split(".")[1], GOOD.split(".")[2]]),
    "signature tampered with": tampered(GOOD, 2),
    "crit": token(claims(), {"alg": "HS256", "crit": ["exp"], "exp": 1}),
    "crit that is known": token(claims(), {"alg": "HS256", "crit": ["b64"], "b64": True}),
    "crit empty": token(claims(), {"alg": "HS256", "crit": []}),
    "crit text": token(claims(), {"alg": "HS256", "crit": "exp"}),
    "payload not encoded": token(claims(), {"alg": "HS256", "crit": ["b64"], "b64": False}),
    "kid number": token(claims(), {"alg": "HS256", "kid": 1}),
    "sub number": token(claims(sub=1)),
    "without sub": token(claims(sub=...)),
    "claims of another type": token(claims(admin="yes")),
    "claims list": token([]),
    "claims null": token(None),
    "claims text": token("ada"),
    "claims not JSON": token(b"{"),
    "claims not UTF-8": token(b'{"sub": "\xff"}'),
    "claims empty": token(b""),
    "header list": token(claims(), [1]),
    "header not JSON": token(claims(), b"{"),
    "header not UTF-8": token(claims(), b"\xff\xff"),
    "header nested deep": token(claims(), b"[" * 4_000),
    "claims nested deep": token(b"[" * 4_000),
    "two parts": ".".join(GOOD.split(".")[:2]),
    "four parts": GOOD + "." + GOOD.split(".")[0],
    "five parts": f"{GOOD}.a.b",
    "dots": "..",
    "one dot": ".",
    "garbage": "garbage",
    "garbage in three parts": "a.b.c",
    "oversized": token(claims(filling="x" * 8_192)),
    "oversized garbage": "a" * 100_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
async def test_an_invalid_token_is_refused(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert await refusal(STRICT, bearer(text)) == INVALID
    assert all(record.levelno <= logging.INFO for record in caplog.records)
    assert not [
        record for record in caplog.records if record.name == "jero.auth" and text in record.getMessage().split()
    ]
    assert SECRET not in caplog.text


async def test_the_challenge_to_a_request_without_a_token_names_no_error() -> None:
    assert await refusal(STRICT) == 'Bearer realm="api"'


async def test_the_reason_of_a_refusal_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "jero.auth")
    await refusal(STRICT, bearer(REFUSED["expired"]))
    assert [record.getMessage() for record in caplog.records] == ["A token was refused: ExpiredSignatureError"]


ADMITTED = {
    "usual": claims(),
    "several audiences": claims(aud=["https://other.example.org", AUDIENCE]),
    "a time with a fraction": claims(nbf=NOW - 0.5),
    "without optional times": claims(nbf=..., iat=...),
    "other claims": claims(other=[1, {"a": None}]),
}


@pytest.mark.parametrize("payload", ADMITTED.values(), ids=ADMITTED)
async def test_a_valid_token_is_admitted(payload: dict[str, Any]) -> None:
    user, expires_at = await asked(STRICT, bearer(token(payload)))
    assert (user, expires_at) == (Claims("ada"), payload["exp"])


async def test_claims_are_decoded_into_the_struct() -> None:
    user, _ = await asked(STRICT, bearer(token(claims(admin=True))))
    assert user == Claims("ada", admin=True)


async def test_a_token_of_the_largest_size_is_read() -> None:
    short = token(claims(filling=""))
    filling = "x" * ((8_192 - len("Bearer ") - len(short)) * 3 // 4 - 3)
    text = token(claims(filling=filling))
    assert 8_170 < len("Bearer " + text) <= 8_192
    assert (await asked(STRICT, bearer(text)))[0] == Claims("ada")


@pytest.mark.parametrize(
    ("exp", "expires_at"),
    [(NOW + 86_400.5, NOW + 86_400.5), (10**15, datetime.max.replace(tzinfo=UTC).timestamp())],
    ids=["tomorrow", "after the year 9999"],
)
async def test_the_stream_ends_with_the_token(exp: float, expires_at: float) -> None:
    assert (await asked(STRICT, bearer(token(claims(exp=exp)))))[1] == expires_at


async def test_leeway_applies_to_nbf_and_exp() -> None:
    lenient = JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=AUDIENCE, leeway=60)
    now = int(time.time())
    _, expires_at = await asked(lenient, bearer(token(claims(exp=now - 30, nbf=now + 30, iat=now + 30))))
    assert expires_at == now + 30
    assert await refusal(lenient, bearer(token(claims(exp=now - 61)))) == INVALID
    assert await refusal(lenient, bearer(token(claims(nbf=now + 120)))) == INVALID


async def test_a_token_without_a_required_claim_is_refused() -> None:
    endless = JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=AUDIENCE, required=["jti"])
    assert await asked(endless, bearer(token(claims(exp=..., jti="1")))) == (Claims("ada"), None)
    assert await refusal(endless, bearer(token(claims()))) == INVALID
    assert await refusal(endless, bearer(token(claims(exp=NOW - 1, jti="1")))) == INVALID


async def test_a_token_with_an_audience_is_refused_if_none_is_configured() -> None:
    anywhere = JWTAuth[Claims](SECRET, algorithms=["HS256"])
    assert await refusal(anywhere, bearer(token(claims()))) == INVALID
    assert (await asked(anywhere, bearer(token(claims(aud=..., iss="https://anyone")))))[0] == Claims("ada")


async def test_one_of_several_audiences_and_issuers_is_enough() -> None:
    several = JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=["a", AUDIENCE], issuer=["b", ISSUER])
    assert (await asked(several, bearer(GOOD)))[0] == Claims("ada")
    assert await refusal(several, bearer(token(claims(iss="c")))) == INVALID


async def test_optional_claims_admit_a_request_without_a_token() -> None:
    optional = JWTAuth[Claims | None](SECRET, algorithms=["HS256"], audience=AUDIENCE)
    assert await asked(optional) == (None, None)
    assert await optional.authenticate(AuthorizationHeaders()) == Expiring(None)
    assert (await asked(optional, bearer(GOOD)))[0] == Claims("ada")
    assert await refusal(optional, bearer(tampered(GOOD, 2))) == INVALID
    assert await refusal(optional, bearer(token(None))) == INVALID


async def test_a_token_in_a_cookie_is_verified() -> None:
    class Sessions(APIKeyAuth[Expiring[Claims]], cookie="session"):
        async def verify(self, key: str) -> Expiring[Claims]:
            return await STRICT.verify(key)

    user, expires_at = await asked(Sessions(), ("Cookie", f"session={GOOD}"))
    assert (user, expires_at) == (Claims("ada"), jwt.decode(GOOD, options={"verify_signature": False})["exp"])
    assert await refusal(Sessions(), ("Cookie", f"session={tampered(GOOD, 2)}")) == 'APIKey realm="api"'


async def test_verify_refuses_an_oversized_token() -> None:
    with pytest.raises(Unauthorized):
        await STRICT.verify(REFUSED["oversized"])
    assert await JWTAuth[Claims](SECRET, algorithms=["HS256"], audience=AUDIENCE).verify(GOOD) == await STRICT.verify(
        GOOD
    )


@pytest.mark.parametrize("leeway", [-1, float("inf"), float("nan")])
def test_an_invalid_leeway_is_refused(leeway: float) -> None:
    with pytest.raises(
        WiringError, match=r"^JWTAuth: leeway=.* is not a time span\. Give seconds, such as leeway=10\.$"
    ):
        JWTAuth[Claims](SECRET, algorithms=["HS256"], leeway=leeway)


def test_required_claims_that_are_a_string_are_refused() -> None:
    with pytest.raises(WiringError, match=r"^JWTAuth: required='exp' is a string\. List the claims"):
        JWTAuth[Claims](SECRET, algorithms=["HS256"], required="exp")
