//! Containers of a machine, asked of Docker Engine over any stream that leads to it.
//!
//! [`Docker`] takes a way to open such a stream and needs no local port. Questions are asked
//! again when an answer is lost and never end in an unknown outcome; changes say what shall be true,
//! so that repeating one is harmless: stopping what is stopped, removing what is not there and
//! starting what runs all succeed.

mod change;
pub mod compose;
mod container;
mod docker;
mod error;
mod exec;
mod image;
mod inspect;
mod logs;
mod network;
mod policy;
mod run;
mod spec;
mod transport;

pub use container::{
    Attachment, Compose, Container, Health, Listed, Mounted, PublishedPort, State,
};
pub use docker::{Docker, DockerLimits, EngineVersion};
pub use error::DockerError;
pub use exec::{ExecOptions, ExecResult};
pub use image::Image;
pub use logs::{LogLine, LogRange, LogSource, Logs, Splitter};
pub use network::Network;
pub use policy::{RestartPolicy, UnknownPolicy};
pub use run::RunResult;
pub use spec::{ContainerSpec, Mount};
