//! The byte stream under a Redis connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use regmig_core::port::PortError;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions that can move between threads.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Any [`Transport`], such as a TCP connection or a channel of an SSH connection.
pub type BoxedStream = Box<dyn Transport>;

/// What dialing gives.
pub(crate) type Dialed =
    Pin<Box<dyn Future<Output = Result<BoxedStream, PortError>> + Send + 'static>>;

/// Opens a new stream to the same Redis each time it is called.
pub(crate) type Dialer = Arc<dyn Fn() -> Dialed + Send + Sync>;
