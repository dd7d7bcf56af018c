//! A network that is slow: packets between the machines, and of their SSH to the operator, are held back for a while.
//!
//! Clients reach the machines as fast as ever. Packets go through netfilter queues of the network of the machine to which they
//! come, since not every kernel has a queueing discipline for it; where nobody holds them any more, they pass. Held by the machine
//! that sends them, they would count as not sent, and TCP keeps no more than a millisecond's worth of those.

use std::collections::VecDeque;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nfq::{Queue, Verdict};

use super::{Endpoint, Lab};
use crate::program::{Program, ProgramError};

/// The queue of packets from the other machine, and of those from the operator.
const QUEUES: [u16; 2] = [7, 8];

/// How many packets a queue may hold: seconds of a fast transfer.
const LONGEST: u32 = 65_536;

/// How often a queue is looked at.
const EVERY: Duration = Duration::from_micros(300);

/// Why packets cannot be held back.
#[derive(Debug, thiserror::Error)]
pub enum DelayError {
    /// A machine's rules could not be set.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program that holds packets could not be started, or a queue not be opened.
    #[error("packets cannot be held back")]
    Hold(#[from] io::Error),
}

/// A queue, and how long each of its packets is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    queue: u16,
    ms: u32,
}

/// Reads `QUEUE:MS`.
///
/// # Errors
///
/// Where it is something else.
pub fn held(text: &str) -> Result<Held, String> {
    let read = text.split_once(':').and_then(|(queue, ms)| {
        Some(Held {
            queue: queue.parse().ok()?,
            ms: ms.parse().ok()?,
        })
    });
    read.ok_or_else(|| format!("found {text:?}; expected QUEUE:MS, such as 7:50"))
}

/// Round trips that take longer, for as long as this is there.
#[derive(Debug)]
pub struct Delay {
    holders: Vec<Child>,
}

impl Delay {
    /// Has every round trip between the machines, and between regmig and each, take so many milliseconds more.
    ///
    /// # Errors
    ///
    /// Where a machine's rules cannot be set or nothing can be run on its network.
    pub fn start(lab: &Lab, round_trip_ms: u32) -> Result<Self, DelayError> {
        let mut delay = Self {
            holders: Vec::new(),
        };
        for (machine, other) in [(&lab.source, &lab.dest), (&lab.dest, &lab.source)] {
            rules(machine, other, lab)?;
            let pid = Program::new("docker")
                .args(["inspect", "--format", "{{.State.Pid}}", &machine.container])
                .text()?;
            // Each direction between machines takes half; what goes to the operator is not held back.
            let queues = [
                format!("{}:{}", QUEUES[0], round_trip_ms / 2),
                format!("{}:{round_trip_ms}", QUEUES[1]),
            ];
            let holder = Command::new("nsenter")
                .arg(format!("--net=/proc/{}/ns/net", pid.trim()))
                .arg(std::env::current_exe()?)
                .args(["lab", "hold-packets"])
                .args(queues)
                .stdin(Stdio::null())
                .spawn()?;
            delay.holders.push(holder);
        }
        Ok(delay)
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            // One that has ended already needs no end.
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// Sends packets for a machine through its queues. Those set before go first.
fn rules(machine: &Endpoint, other: &Endpoint, lab: &Lab) -> Result<(), ProgramError> {
    let script = format!(
        "set -e; iptables -t mangle -F PREROUTING; \
         iptables -t mangle -A PREROUTING -s {other} -j NFQUEUE --queue-num {} --queue-bypass; \
         iptables -t mangle -A PREROUTING -s {operator} -p tcp --dport 22 -j NFQUEUE --queue-num {} --queue-bypass",
        QUEUES[0],
        QUEUES[1],
        other = other.address,
        operator = lab.operator,
    );
    Program::new("docker")
        .args(["exec", &machine.container, "sh", "-c", &script])
        .done()
}

/// Holds the packets of queues back, each for its time, until this is ended.
///
/// # Errors
///
/// Where a queue cannot be opened or read.
pub fn hold(queues: &[Held]) -> io::Result<()> {
    let mut open = Vec::new();
    for held in queues {
        let mut queue = Queue::open()?;
        queue.bind(held.queue)?;
        queue.set_queue_max_len(held.queue, LONGEST)?;
        // What a packet says is not looked at. Copies of a transfer's packets, cut to the network's size, would be more than the
        // socket holds, and what it cannot hold is lost.
        queue.set_copy_range(held.queue, 0)?;
        queue.set_recv_gso(held.queue, true)?;
        queue.set_nonblocking(true);
        let wait = Duration::from_millis(held.ms.into());
        open.push((queue, wait, VecDeque::new()));
    }
    loop {
        for (queue, wait, packets) in &mut open {
            loop {
                match queue.recv() {
                    Ok(packet) => packets.push_back((Instant::now() + *wait, packet)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            while packets
                .front()
                .is_some_and(|(due, _)| *due <= Instant::now())
            {
                if let Some((_, mut packet)) = packets.pop_front() {
                    packet.set_verdict(Verdict::Accept);
                    queue.verdict(packet)?;
                }
            }
        }
        std::thread::sleep(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read() {
        assert_eq!(held("7:50"), Ok(Held { queue: 7, ms: 50 }));
        assert!(held("7").is_err());
        assert!(held("7:soon").is_err());
    }
}
