//! Name servers on loopback: the platform's, which answers from a register, and the parent's.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, NS};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use crate::register::{HOST, Shared};

pub(crate) const DOMAIN: &str = "example.test";

/// Starts the platform's name server, which says that the register is at `register_at`.
pub(crate) async fn platform(
    address: SocketAddr,
    users: Shared,
    register_at: Ipv4Addr,
) -> SocketAddr {
    serve(address, move |name, kind, answer| match kind {
        RecordType::A if name == HOST => add_answer(answer, name, RData::A(A(register_at))),
        RecordType::CNAME => {
            let user = name.split('.').next().unwrap();
            if let Some(core) = users.lock().unwrap().users.get(user) {
                let core = Name::from_ascii(format!("{core}.")).unwrap();
                add_answer(answer, name, RData::CNAME(CNAME(core)));
            }
        }
        _ => answer.metadata.response_code = ResponseCode::NXDomain,
    })
    .await
}

/// Starts the parent's name server, which delegates to `delegated_to`.
pub(crate) async fn parent(delegated_to: Arc<Mutex<Ipv4Addr>>) -> SocketAddr {
    serve("127.0.0.1:0".parse().unwrap(), move |name, kind, answer| {
        assert_eq!((name, kind), (DOMAIN, RecordType::NS));
        let server = Name::from_ascii("dns1.example.test.").unwrap();
        let zone = Name::from_ascii("example.test.").unwrap();
        let address = *delegated_to.lock().unwrap();
        let delegation = RData::NS(NS(server.clone()));
        answer.add_authority(Record::from_rdata(zone, 60, delegation));
        answer.add_additional(Record::from_rdata(server, 60, RData::A(A(address))));
    })
    .await
}

async fn serve(
    address: SocketAddr,
    fill: impl Fn(&str, RecordType, &mut Message) + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 1500];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            assert!(!question.metadata.recursion_desired, "RD must be 0");
            let query = question.queries[0].clone();
            let mut answer = question.into_response();
            let name = query.name.to_ascii();
            fill(name.trim_end_matches('.'), query.query_type, &mut answer);
            socket
                .send_to(&answer.to_vec().unwrap(), client)
                .await
                .unwrap();
        }
    });
    address
}

fn add_answer(answer: &mut Message, name: &str, data: RData) {
    let name = Name::from_ascii(format!("{name}.")).unwrap();
    answer.add_answer(Record::from_rdata(name, 60, data));
}
