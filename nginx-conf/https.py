"""A web server in Python whose TLS key is in Keyward.

Nothing here differs from any other server but what web.pem holds: a reference instead of a key.
It needs OPENSSL_CONF in its environment. SIGHUP reads certificate and reference again.
"""

import http.server
import signal
import ssl

ADDRESS = ("127.0.0.1", 443)

context = None


def load(*_signal):
    # A context of its own: changed in place, one has for a moment the new certificate and the
    # old key.
    global context
    fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    fresh.minimum_version = ssl.TLSVersion.TLSv1_2
    fresh.load_cert_chain("/etc/keyward/tls/web.crt", "/etc/keyward/tls/web.pem")
    context = fresh


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Hello from Python.\n")


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def finish_request(self, request, client_address):
        # In the thread of the connection, so that no client waits for another's handshake.
        with context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)


load()
signal.signal(signal.SIGHUP, load)
Server(ADDRESS, Page).serve_forever()
