#!/usr/bin/env python3
"""Makes implicit_rejection.json: what OpenSSL 3.2 or later decrypts PKCS#1 v1.5 ciphertexts to.

Needs the package `cryptography`, whose wheels carry a current OpenSSL.
"""
import json
import secrets
import sys

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def nonzero(count):
    return bytes(secrets.choice(range(1, 256)) for _ in range(count))


def blocks(size):
    """Padded blocks, good and bad, with a word on each."""
    yield "good", b"\0\2" + nonzero(size - 35) + b"\0" + secrets.token_bytes(32)
    yield "good, empty message", b"\0\2" + nonzero(size - 3) + b"\0"
    yield "good, longest message", b"\0\2" + nonzero(8) + b"\0" + nonzero(size - 11)
    yield "good, zeros in the message", b"\0\2" + nonzero(40) + b"\0" + bytes(size - 43)
    yield "padding one byte short", b"\0\2" + nonzero(7) + b"\0" + nonzero(size - 10)
    yield "no separator", b"\0\2" + nonzero(size - 2)
    yield "separator at once", b"\0\2\0" + nonzero(size - 3)
    yield "wrong first byte", b"\1\2" + nonzero(size - 35) + b"\0" + nonzero(32)
    yield "wrong type", b"\0\1" + nonzero(size - 35) + b"\0" + nonzero(32)
    yield "zero", bytes(size)
    yield "one", bytes(size - 1) + b"\1"
    for _ in range(6):
        yield "random", b"\0" + secrets.token_bytes(size - 1)


def main():
    keys = []
    for bits in (2048, 3072):
        key = rsa.generate_private_key(65537, bits)
        public = key.public_key().public_numbers()
        cases = []
        for comment, block in blocks(bits // 8):
            number = pow(int.from_bytes(block, "big"), public.e, public.n)
            ciphertext = number.to_bytes(bits // 8, "big")
            message = key.decrypt(ciphertext, padding.PKCS1v15())
            cases.append(
                {"comment": comment, "ciphertext": ciphertext.hex(), "message": message.hex()}
            )
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        keys.append({"pkcs8": der.hex(), "cases": cases})
    document = {"made_with": backend.openssl_version_text(), "keys": keys}
    json.dump(document, sys.stdout, indent=1)
    print()


main()
