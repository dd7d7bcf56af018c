//! Whole requests against servers made for it, on loopback or in memory.

mod over_any_stream;
mod over_tls;
mod server;
