//! One DNS question over UDP: just enough to tell whether a name server answers.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// Any value will do: a socket is used for one question only.
const IDENT: [u8; 2] = [0x4c, 0x41];

/// Asks one server for an A record and counts the answers it gives.
///
/// # Errors
///
/// When nothing usable comes back within the limit.
pub(super) fn answers(server: Ipv4Addr, name: &str, limit: Duration) -> std::io::Result<u16> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect((server, 53))?;
    socket.set_read_timeout(Some(limit))?;
    socket.send(&question(name))?;
    let mut reply = [0; 512];
    let length = socket.recv(&mut reply)?;
    counted(reply.get(..length).unwrap_or_default())
        .ok_or_else(|| std::io::Error::other("the reply is no answer to the question"))
}

fn question(name: &str) -> Vec<u8> {
    let mut message = IDENT.to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(63));
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The number of answers in a reply without error to our question.
fn counted(reply: &[u8]) -> Option<u16> {
    let &[a, b, flags, code, _, _, high, low] = reply.get(..8)? else {
        return None;
    };
    let ours = [a, b] == IDENT && flags & 0x80 != 0 && code & 0x0f == 0;
    ours.then(|| u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_is_a_standard_query() {
        assert_eq!(
            question("ab.c"),
            [
                0x4c, 0x41, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 1, b'c', 0, 0, 1, 0, 1
            ]
        );
    }

    #[test]
    fn only_a_reply_without_error_counts() {
        assert_eq!(counted(&[0x4c, 0x41, 0x84, 0, 0, 1, 0, 2]), Some(2));
        assert_eq!(counted(&[0x4c, 0x41, 0x84, 5, 0, 1, 0, 0]), None);
        assert_eq!(counted(&[0, 0, 0x84, 0, 0, 1, 0, 2]), None);
        assert_eq!(counted(&[0x4c]), None);
    }
}
