//! Messages over UDP and TCP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use crate::fault::Fault;

/// Sends one message over UDP, from a port of its own, and waits for its answer.
///
/// Datagrams that do not answer it (another id or question: late, or forged) are passed over.
/// The error says what came instead.
pub(crate) async fn over_udp(
    server: SocketAddr,
    message: &Message,
    limit: Duration,
) -> Result<Message, String> {
    let end = Instant::now() + limit;
    let bytes = message.to_vec().map_err(|error| error.to_string())?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)
        .await
        .map_err(|error| format!("no socket: {error}"))?;
    socket
        .connect(server)
        .await
        .map_err(|error| error.to_string())?;
    socket
        .send(&bytes)
        .await
        .map_err(|error| error.to_string())?;
    let mut seen = "silence".to_owned();
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok(received) = timeout_at(end, socket.recv(&mut buffer)).await else {
            return Err(seen);
        };
        let length = received.map_err(|error| error.to_string())?;
        match read(buffer.get(..length).unwrap_or_default(), message) {
            Ok(answer) => return Ok(answer),
            Err(words) => seen = words,
        }
    }
}

/// Sends one message over TCP and gives the bytes of the answer.
pub(crate) async fn over_tcp(
    server: SocketAddr,
    bytes: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, Fault> {
    let end = Instant::now() + limit;
    let no_connection = |words: String| Fault::NoConnection { words };
    let mut stream = timeout_at(end, TcpStream::connect(server))
        .await
        .map_err(|_| no_connection(format!("nothing within {:.1} s", limit.as_secs_f64())))?
        .map_err(|error| no_connection(error.to_string()))?;
    let length = u16::try_from(bytes.len()).map_err(|_| Fault::Unwritable {
        words: format!("{} bytes are too many", bytes.len()),
    })?;
    let lost = |words: String| Fault::AnswerLost { words };
    let talk = async {
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(bytes);
        stream.write_all(&framed).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    timeout_at(end, talk)
        .await
        .map_err(|_| lost(format!("nothing within {:.1} s", limit.as_secs_f64())))?
        .map_err(|error| lost(error.to_string()))
}

/// Reads a message that must answer `question`.
pub(crate) fn read(bytes: &[u8], question: &Message) -> Result<Message, String> {
    let answer =
        Message::from_vec(bytes).map_err(|error| format!("an unreadable message: {error}"))?;
    if answer.id != question.id {
        return Err(format!(
            "an answer with id {} to a question with id {}",
            answer.id, question.id
        ));
    }
    if answer.message_type != MessageType::Response || answer.op_code != question.op_code {
        return Err("a message that is no answer".to_owned());
    }
    // A server that did not understand the question, or refuses an update, need not repeat it.
    let silent = answer.queries.is_empty();
    if question.op_code == OpCode::Query && !silent && !same_question(&answer, question) {
        return Err("an answer to another question".to_owned());
    }
    if question.op_code == OpCode::Query
        && silent
        && answer.answers.len() + answer.authorities.len() > 0
    {
        return Err("an answer without its question".to_owned());
    }
    Ok(answer)
}

fn same_question(answer: &Message, question: &Message) -> bool {
    answer.queries.len() == question.queries.len()
        && answer.queries.iter().zip(&question.queries).all(|(a, q)| {
            a.query_type() == q.query_type()
                && a.query_class() == q.query_class()
                && a.name().to_lowercase() == q.name().to_lowercase()
        })
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0_u8.., 0..64)) {
            let mut question = Message::new(7, MessageType::Query, OpCode::Query);
            question.add_query(Query::query(Name::root(), RecordType::NS));
            // An answer repeats the question: 17 bytes of which few are free.
            if let Ok(answer) = read(&bytes, &question) {
                proptest::prop_assert_eq!(answer.id, 7);
            }
        }
    }
}
