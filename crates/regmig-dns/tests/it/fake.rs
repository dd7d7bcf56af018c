//! A DNS server in this process that answers as a test tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, NS};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Udp,
    Tcp,
}

/// What the server does with one question.
pub(crate) enum Reply {
    /// Sends these messages.
    Messages(Vec<Message>),
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Says nothing; over TCP, it hangs up.
    Nothing,
}

impl From<Message> for Reply {
    fn from(message: Message) -> Self {
        Self::Messages(vec![message])
    }
}

type Behaviour = dyn Fn(&Message, Over) -> Reply + Send + Sync;

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Fake {
    pub(crate) async fn start(
        behaviour: impl Fn(&Message, Over) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // The same port may be taken for TCP: then another one.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve_udp(udp, Arc::clone(&behaviour), Arc::clone(&asked)));
        tokio::spawn(serve_tcp(tcp, behaviour, Arc::clone(&asked)));
        Self { address, asked }
    }

    /// How many messages have come.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve_udp(socket: UdpSocket, behaviour: Arc<Behaviour>, asked: Arc<AtomicUsize>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        let question = Message::from_vec(&buffer[..length]).unwrap();
        for bytes in encode(behaviour(&question, Over::Udp)) {
            socket.send_to(&bytes, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, behaviour: Arc<Behaviour>, asked: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        talk(stream, &behaviour).await;
    }
}

async fn talk(mut stream: TcpStream, behaviour: &Arc<Behaviour>) {
    let Ok(length) = stream.read_u16().await else {
        return;
    };
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await.unwrap();
    let question = Message::from_vec(&bytes).unwrap();
    for bytes in encode(behaviour(&question, Over::Tcp)) {
        stream
            .write_u16(u16::try_from(bytes.len()).unwrap())
            .await
            .unwrap();
        stream.write_all(&bytes).await.unwrap();
    }
}

fn encode(reply: Reply) -> Vec<Vec<u8>> {
    match reply {
        Reply::Messages(messages) => messages.iter().map(|one| one.to_vec().unwrap()).collect(),
        Reply::Bytes(bytes) => vec![bytes],
        Reply::Nothing => vec![],
    }
}

/// The beginning of an answer: id and question repeated, authoritative.
pub(crate) fn answer(question: &Message) -> Message {
    let mut answer = Message::new(question.id, MessageType::Response, question.op_code);
    answer.metadata.authoritative = true;
    answer.queries.clone_from(&question.queries);
    answer
}

/// An answer of nothing but a code.
pub(crate) fn code(question: &Message, code: ResponseCode) -> Message {
    let mut answer = answer(question);
    answer.metadata.response_code = code;
    answer
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

pub(crate) fn a(owner: &str, last: u8) -> Record {
    Record::from_rdata(name(owner), 300, RData::A(A::new(192, 0, 2, last)))
}

pub(crate) fn ns(owner: &str, server: &str) -> Record {
    Record::from_rdata(name(owner), 3600, RData::NS(NS(name(server))))
}
