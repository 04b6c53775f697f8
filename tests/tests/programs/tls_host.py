"""A host that does what web servers do with their keys, one step at a time.

usage: tls_host.py CERTIFICATE REFERENCE CA STEP...

Every handshake signs with the key of the reference, through whatever OpenSSL is configured.
Prints a line per step; the first failure ends the program with its text.
"""

import os
import pwd
import ssl
import stat
import sys
import tempfile
import threading

certificate, reference, ca, *steps = sys.argv[1:]

server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(certificate, reference)
client = ssl.create_default_context(cafile=ca)


def handshake():
    """One full handshake between two ends in this process."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(client_in, client_out, server_hostname="localhost"),
        server.wrap_bio(client_out, client_in, server_side=True),
    ]
    done = [False, False]
    for _ in range(10):
        for index, end in enumerate(ends):
            try:
                if not done[index]:
                    end.do_handshake()
                    done[index] = True
            except ssl.SSLWantReadError:
                pass
        if all(done):
            return
    raise RuntimeError("the handshake does not end")


def in_child():
    """The same in a child that was forked after a handshake here; both must work."""
    pid = os.fork()
    if pid == 0:
        try:
            handshake()
            os._exit(0)
        except Exception as error:  # the parent reports
            print(error, flush=True)
            os._exit(1)
    handshake()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise RuntimeError(f"the child failed: {status}")


def in_threads():
    """Eight threads at a time."""
    failures = []

    def work():
        try:
            for _ in range(25):
                handshake()
        except Exception as error:  # shown below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def drop_rights():
    """Becomes another user without a fork, as HAProxy and others do."""
    user = pwd.getpwnam("www-data")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def take_descriptors():
    """Puts a file of its own under the number of every socket, as a host does that closes what it
    does not know; nothing may be written into it, and the number stays taken."""
    taken = []
    with tempfile.TemporaryFile() as own:
        for number in map(int, os.listdir("/proc/self/fd")):
            try:
                socket = stat.S_ISSOCK(os.fstat(number).st_mode)
            except OSError:  # the listing's own descriptor
                continue
            if socket and number > 2:
                os.dup2(own.fileno(), number)
                taken.append(number)
        if not taken:
            raise RuntimeError("there is no connection to take")
        handshake()
        same = all(os.path.sameopenfile(number, own.fileno()) for number in taken)
        if not same or os.fstat(own.fileno()).st_size != 0:
            raise RuntimeError("a file of the host's own was closed or written to")


for step in steps:
    {
        "handshake": handshake,
        "fork": in_child,
        "threads": in_threads,
        "drop-rights": drop_rights,
        "take-descriptors": take_descriptors,
    }[step]()
    print(step, "well", flush=True)
