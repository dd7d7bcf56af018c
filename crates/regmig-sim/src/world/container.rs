//! Containers: what Docker keeps of each, and what it does by itself.

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process ended.
    Exited,
    /// Its process ended, and Docker will start it again.
    Restarting,
    /// Its process is frozen: whoever connects is not refused, and waits.
    Paused,
}

impl Status {
    /// Docker's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Restarting => "restarting",
            Self::Paused => "paused",
        }
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// The compose service; nothing for what is not part of the stack.
    pub(crate) service: Option<String>,
    pub(crate) status: Status,
    /// `no`, `always` or `unless-stopped`.
    pub(crate) restart: String,
    pub(crate) restarts: u64,
    pub(crate) started_ms: i64,
    /// Whether it was stopped by command: a reboot leaves `unless-stopped` alone then.
    pub(crate) stopped: bool,
    /// When Docker starts it again, while it is restarting.
    pub(crate) retry_ms: i64,
    /// When its process looks for its Redis and begins to serve; nothing once it has.
    pub(crate) boots_ms: Option<i64>,
    /// Whether Redis's port is published on the machine's loopback.
    pub(crate) published: bool,
    /// Where it leads to, if it is a tunnel: that is settled when it is made.
    pub(crate) leads_to: String,
    /// The compose file that it was made from, by checksum.
    pub(crate) made_from: String,
}

impl Container {
    pub(crate) fn runs(&self) -> bool {
        self.status == Status::Running
    }

    /// Whether there is a process in it, frozen or not: its name is found, and it has an address.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self.status, Status::Running | Status::Paused)
    }

    /// Whether it runs and has begun to serve.
    pub(crate) fn serves(&self) -> bool {
        self.runs() && self.boots_ms.is_none()
    }

    /// Whether Docker starts it when Docker itself starts.
    pub(crate) fn comes_back(&self) -> bool {
        self.restart == "always" || (self.restart == "unless-stopped" && !self.stopped)
    }
}
