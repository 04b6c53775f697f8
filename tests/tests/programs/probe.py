"""A TLS client that is not OpenSSL, and one that can misbehave (tlslite-ng).

usage: probe.py HOST PORT certificate-verify SIGNATURE...   one TLS 1.3 handshake for each
       probe.py HOST PORT rsa-key-exchange                  TLS 1.2 with right and wrong paddings

The first checks the server's CertificateVerify with tlslite-ng's own arithmetic. The second sends
the premaster secret in PKCS #1 blocks that are right or wrong in every way that Bleichenbacher's
attack tells apart, and prints what the server answered to each.
"""

import os
import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.constants import SignatureScheme
from tlslite.errors import TLSAbruptCloseError, TLSAlert, TLSRemoteAlert
from tlslite.keyexchange import RSAKeyExchange

host, port, what, *signatures = sys.argv[1:]


def connect():
    tcp = socket.create_connection((host, int(port)), 20)
    return TLSConnection(tcp)


def certificate_verify(signature):
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 4)
    settings.rsaSigHashes, settings.ecdsaSigHashes, settings.more_sig_schemes = [], [], []
    settings.rsaSchemes = ["pss"]
    if signature.startswith("rsa_pss"):
        settings.rsaSigHashes = [signature.split("_")[-1]]
    elif signature.startswith("ecdsa"):
        settings.ecdsaSigHashes = [signature.split("_")[-1]]
    else:
        settings.more_sig_schemes = [signature.capitalize()]
    tls = connect()
    tls.handshakeClientCert(settings=settings)
    # What the server signed with; tlslite-ng has verified it.
    print(signature, SignatureScheme.toRepr(tls.serverSigAlg), flush=True)
    tls.close()


def block(kind, premaster, size):
    """An encryption block around a premaster secret, right or wrong."""
    padding = bytearray(byte or 1 for byte in os.urandom(size - 3 - len(premaster)))
    encoded = bytearray([0, 2]) + padding + bytearray([0]) + premaster
    if kind == "first-byte":
        encoded[0] = 1
    elif kind == "block-type":
        encoded[1] = 1
    elif kind == "zero-in-padding":
        encoded[5] = 0
    elif kind == "no-separator":
        encoded[size - len(premaster) - 1] = 1
    elif kind == "short-secret":
        encoded[size - len(premaster)] = 0
        encoded[size - len(premaster) - 1] = 1
    elif kind == "version":
        encoded[size - len(premaster)] ^= 1
    elif kind == "secret":
        # Rightly padded, but another secret than the client goes on with.
        encoded[-1] ^= 1
    return encoded


def rsa_key_exchange(kind):
    """One handshake with such a block; what came back."""

    def make_secret(self, key, _server_key_exchange):
        premaster = bytearray(self.clientHello.client_version) + bytearray(os.urandom(46))
        size = (key.n.bit_length() + 7) // 8
        number = int.from_bytes(block(kind, premaster, size), "big")
        sealed = pow(number, int(key.e), int(key.n))
        self.encPremasterSecret = bytearray(sealed.to_bytes(size, "big"))
        return premaster

    RSAKeyExchange.processServerKeyExchange = make_secret
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 3)
    settings.keyExchangeNames = ["rsa"]
    settings.cipherNames = ["aes128gcm"]
    tls = connect()
    try:
        tls.handshakeClientCert(settings=settings)
        return "handshake"
    except TLSRemoteAlert as alert:
        return f"alert {alert.description}"
    except (TLSAbruptCloseError, TLSAlert, OSError) as error:
        return type(error).__name__
    finally:
        tls.sock.close()


if what == "certificate-verify":
    for name in signatures:
        certificate_verify(name)
else:
    for name in (
        "right", "first-byte", "block-type", "zero-in-padding", "no-separator", "short-secret",
        "version", "secret",
    ):
        print(name, "->", rsa_key_exchange(name), flush=True)
