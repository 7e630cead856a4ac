"""The keys of JSON Web Tokens: those that verify a token, and those that are refused at startup."""

import json
import logging
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from jero import WiringError
from jero.auth.jwt import JWTAuth, Key
from tests.auth.asking import asked, refusal
from tests.auth.tokens import AUDIENCE, INVALID, ISSUER, SECRET, Claims, base64url, bearer, claims, tampered, token

RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
RSA_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_PRIVATE_PEM = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RSA_DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()

PUBLIC = JWTAuth[Claims](RSA_PEM, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)


@pytest.mark.parametrize("secret", [RSA_PEM, RSA_PEM.strip(), RSA_DER, RSA_PEM.decode(), b""])
async def test_a_public_key_is_not_accepted_as_a_secret(secret: str | bytes) -> None:
    assert await refusal(PUBLIC, bearer(token(claims(), secret=secret))) == INVALID


KEYS: list[tuple[str, Any, Any]] = [
    ("HS256", SECRET, SECRET.encode()),
    ("HS384", "s" * 48, "s" * 48),
    ("HS512", "s" * 64, "s" * 64),
    ("RS256", RSA, RSA_PEM),
    ("PS256", RSA, RSA_PEM.decode()),
    ("RS512", RSA, RSA.public_key()),
    ("ES256", P256, P256.public_key()),
    ("ES384", P384, P384.public_key()),
    ("EdDSA", ED, ED.public_key()),
    ("HS256", SECRET, jwt.PyJWK({"kty": "oct", "k": base64url(SECRET.encode()), "alg": "HS256"})),
    ("RS256", RSA, jwt.PyJWK(json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(RSA.public_key())))),
]


@pytest.mark.parametrize(("algorithm", "private", "key"), KEYS, ids=[key[0] for key in KEYS])
async def test_each_kind_of_key_verifies_a_token(algorithm: str, private: Any, key: Any) -> None:
    auth = JWTAuth[Claims](key, algorithms=[algorithm], audience=AUDIENCE)
    text = jwt.encode(claims(), private, algorithm)
    assert (await asked(auth, bearer(text)))[0] == Claims("ada")
    assert await refusal(auth, bearer(tampered(text, 2))) == INVALID


def signed(kid: Any, private: Any, algorithm: str) -> tuple[str, str]:
    return bearer(jwt.encode(claims(), private, algorithm, headers={} if kid is None else {"kid": kid}))


async def test_a_key_is_found_by_its_id() -> None:
    keys: dict[str, Key] = {"rsa": RSA_PEM, "ec": P256.public_key()}
    auth = JWTAuth[Claims](keys, algorithms=["RS256", "ES256"], audience=AUDIENCE)
    assert (await asked(auth, signed("rsa", RSA, "RS256")))[0] == Claims("ada")
    assert (await asked(auth, signed("ec", P256, "ES256")))[0] == Claims("ada")
    for kid, private, algorithm in [("ec", RSA, "RS256"), ("rsa", P256, "ES256"), (None, RSA, "RS256")]:
        assert await refusal(auth, signed(kid, private, algorithm)) == INVALID
    for text in ("garbage", token(claims(), b"[" * 4_000), token(claims(), {"alg": "RS256", "kid": ["rsa"]})):
        assert await refusal(auth, bearer(text)) == INVALID


async def test_a_lookup_returns_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jero.auth")
    asked_for: list[str | None] = []

    keys: dict[str | None, Key] = {"rsa": RSA_PEM, "secret": SECRET, "private": RSA_PRIVATE_PEM}

    async def looked_up(kid: str | None) -> Key | None:
        asked_for.append(kid)
        return keys.get(kid)

    auth = JWTAuth[Claims](looked_up, algorithms=["RS256"], audience=AUDIENCE)
    assert (await asked(auth, signed("rsa", RSA, "RS256")))[0] == Claims("ada")
    assert await refusal(auth, signed("other", RSA, "RS256")) == INVALID
    assert await refusal(auth, signed(None, RSA, "RS256")) == INVALID
    assert await refusal(auth, signed("secret", RSA, "RS256")) == INVALID
    assert await refusal(auth, signed("private", RSA, "RS256")) == INVALID
    assert asked_for == ["rsa", "other", None, "secret", "private"]
    unfit = [record.getMessage().partition(": ")[0] for record in caplog.records]
    assert unfit == [
        f"The key {kid!r} that was looked up does not fit any of the algorithms" for kid in ("secret", "private")
    ]


async def test_a_lookup_may_be_a_plain_function() -> None:
    auth = JWTAuth[Claims](lambda _: RSA_PEM, algorithms=["RS256"], audience=AUDIENCE)
    assert (await asked(auth, signed(None, RSA, "RS256")))[0] == Claims("ada")


async def test_an_error_of_the_lookup_is_raised() -> None:
    async def failing(kid: str | None) -> bytes:
        raise ValueError("the keys cannot be reached")

    with pytest.raises(ValueError, match="cannot be reached"):
        await asked(JWTAuth[Claims](failing, algorithms=["RS256"]), signed("rsa", RSA, "RS256"))


def without_keys(kid: str | None) -> None:
    """Finds no key."""


UNSAFE: list[tuple[Any, Any, str]] = [
    (
        SECRET,
        "HS256",
        "JWTAuth: algorithms='HS256' is not a list of algorithms. List each algorithm that you sign with",
    ),
    (SECRET, [], "JWTAuth: algorithms=[] is not a list of algorithms. List each algorithm that you sign with"),
    (
        SECRET,
        ["none"],
        "JWTAuth: algorithms=['none'] contains 'none', which does not prove who signed. Use one of ES256, ",
    ),
    (SECRET, ["HS256", "None"], "contains 'None', which does not prove who signed"),
    (SECRET, ["HS257"], "contains 'HS257', which does not prove who signed"),
    (SECRET, ["HS256", "RS256"], "mixes HMAC with public-key algorithms"),
    (RSA_PEM, ["ES256", "HS512"], "mixes HMAC with public-key algorithms"),
    ({"a": SECRET}, ["HS256", "EdDSA"], "mixes HMAC with public-key algorithms"),
    (without_keys, ["HS256", "EdDSA"], "mixes HMAC with public-key algorithms"),
    (RSA_PEM, ["HS256"], "JWTAuth: the key does not fit each of HS256: "),
    (RSA_PEM.decode(), ["HS256"], "JWTAuth: the key does not fit each of HS256: "),
    (RSA.public_key(), ["HS256"], "JWTAuth: the key does not fit each of HS256: "),
    (SECRET, ["RS256"], "JWTAuth: the key does not fit each of RS256: "),
    (RSA_PEM, ["RS256", "ES256"], "JWTAuth: the key does not fit each of RS256, ES256: "),
    (P256.public_key(), ["EdDSA"], "JWTAuth: the key does not fit each of EdDSA: "),
    ("", ["HS256"], "JWTAuth: the key does not fit each of HS256: "),
    ("s" * 31, ["HS256"], "JWTAuth: the key does not fit each of HS256: The HMAC key is 31 bytes long"),
    ("s" * 63, ["HS256", "HS512"], "JWTAuth: the key does not fit each of HS256, HS512: The HMAC key is 63 bytes"),
    (RSA, ["RS256"], "JWTAuth: the key does not fit each of RS256: It is a private key; give only the public key."),
    (RSA_PRIVATE_PEM, ["PS256"], "It is a private key"),
    (P256, ["ES256"], "It is a private key"),
    (ED, ["EdDSA"], "It is a private key"),
    (None, ["HS256"], "JWTAuth: the key does not fit each of HS256: "),
    ({"a": SECRET, "b": RSA_PEM}, ["RS256"], "JWTAuth: the key 'a' does not fit any of RS256: "),
    (
        jwt.PyJWK({"kty": "oct", "k": base64url(SECRET.encode()), "alg": "HS256"}),
        ["HS512"],
        "JWTAuth: the key does not fit each of HS512: It is a key for HS256.",
    ),
]


@pytest.mark.parametrize(("key", "algorithms", "message"), UNSAFE)
def test_an_unsafe_key_or_algorithm_is_refused(key: Any, algorithms: Any, message: str) -> None:
    with pytest.raises(WiringError) as refused:
        JWTAuth[Claims](key, algorithms=algorithms)
    assert message in str(refused.value)
    assert SECRET not in str(refused.value)
