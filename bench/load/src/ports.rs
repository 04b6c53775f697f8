//! Free ports, and waiting until somebody listens on them.

use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Below the ports that the kernel gives to outgoing connections, so that a load cannot take
/// one between the look and its use.
const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// An address on the loopback interface that nobody listens on.
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static BASE: LazyLock<u16> = LazyLock::new(|| RandomState::new().hash_one(()) as u16);
    // Processes begin far from one another, those with the same number in another container too, and
    // none looks at a port twice in a row.
    for _ in 0..COUNT {
        let offset = BASE.wrapping_add(NEXT.fetch_add(1, Relaxed)) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port between {FIRST} and {} is free", FIRST + COUNT);
}

/// Waits until a server accepts connections; false when it does not within the limit.
pub fn wait_for_port(address: SocketAddr, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
