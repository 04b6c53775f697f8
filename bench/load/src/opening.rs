//! What a client and a server of a protocol say in the clear before they begin with TLS.

use std::io::{self, Read, Write};

/// The protocol that the words before TLS belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// TLS from the first byte.
    #[default]
    None,
    /// PostgreSQL: an `SSLRequest`, and an `S` for an answer.
    PostgreSql,
    /// MariaDB and MySQL: the server's greeting, and a short login that asks for TLS.
    MariaDb,
}

/// PostgreSQL's `SSLRequest`: its length, and a number that is no version of the protocol.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The flags of a login to MariaDB: protocol 4.1, TLS, authentication by plugins.
const CAPABILITIES: u32 = 0x0000_0200 | 0x0000_0800 | 0x0000_8000 | 0x0008_0000;
/// utf8mb4.
const CHARACTER_SET: u8 = 45;

impl Opening {
    /// Speaks the client's part, up to where TLS begins.
    pub(crate) fn speak(self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        match self {
            Opening::None => Ok(()),
            Opening::PostgreSql => {
                stream.write_all(&SSL_REQUEST)?;
                let mut answer = [0];
                stream.read_exact(&mut answer)?;
                expect(answer == *b"S", "PostgreSQL does not speak TLS")
            }
            Opening::MariaDb => {
                let mut header = [0; 4];
                stream.read_exact(&mut header)?;
                let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
                let mut greeting = Vec::new();
                stream.take(length.into()).read_to_end(&mut greeting)?;
                expect(greeting.first() == Some(&10), "MariaDB greets in another way")?;
                stream.write_all(&short_login())
            }
        }
    }
}

/// MariaDB's `SSLRequest`: the head of a login, packet 1 of the connection.
fn short_login() -> Vec<u8> {
    const MAX_PACKET: u32 = 1 << 24;
    let mut packet = vec![32, 0, 0, 1];
    packet.extend(CAPABILITIES.to_le_bytes());
    packet.extend(MAX_PACKET.to_le_bytes());
    packet.push(CHARACTER_SET);
    packet.extend([0; 23]);
    packet
}

fn expect(holds: bool, complaint: &str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other(complaint)) }
}
