//! What goes wrong, and where.

use std::fmt;
use std::str::FromStr;

use regmig_core::machine::Machine;

/// How an effect that was cut off ends for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cut {
    /// The reply is lost.
    Lost,
    /// The machine says that it failed.
    Refused,
    /// regmig is killed.
    Killed,
    /// The machine reboots.
    Rebooted,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// The machine says no, and nothing happens.
    Refused,
    /// The request does not get there.
    NotSent,
    /// It happens, and the reply is lost.
    Lost,
    /// It does not happen, and nobody can tell.
    Vain,
    /// It happens twice.
    Twice,
    /// Only its first parts happen.
    Half(u32, Cut),
    /// regmig is killed before it, or before the record is kept.
    KilledBefore,
    /// regmig is killed after it, or after the record is kept.
    KilledAfter,
    /// The record cannot be kept.
    Unwritten,
    /// A machine reboots just before.
    RebootBefore(Machine),
    /// A machine reboots just after.
    RebootAfter(Machine),
    /// regmig reaches nobody for so long, milliseconds.
    Unreachable(u32),
    /// The tunnel carries nothing for a while.
    TunnelLost,
    /// What a primary sends is under way for so long, milliseconds, while its replica takes the link for up.
    Clogged(u32),
    /// source takes its time to answer clients for so long, milliseconds.
    Busy(u32),
    /// A machine's disk is full for a while.
    DiskFull(Machine),
    /// It happens so much later, milliseconds; what is sent to that machine after it waits for it.
    Late(u32),
    /// The same, and what is sent after it may overtake it.
    Overtaken(u32),
    /// The same as `Late`, and regmig is killed.
    LateKilled(u32),
}

impl Fault {
    /// Whether a machine is rebooted by it.
    pub(crate) fn reboots(&self) -> bool {
        matches!(
            self,
            Self::RebootBefore(_) | Self::RebootAfter(_) | Self::Half(_, Cut::Rebooted)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::NotSent => f.write_str("unsent"),
            Self::Lost => f.write_str("lost"),
            Self::Vain => f.write_str("vain"),
            Self::Twice => f.write_str("twice"),
            Self::Half(parts, cut) => {
                let how = match cut {
                    Cut::Lost => "lost",
                    Cut::Refused => "refused",
                    Cut::Killed => "killed",
                    Cut::Rebooted => "rebooted",
                };
                write!(f, "half-{parts}-{how}")
            }
            Self::KilledBefore => f.write_str("killed-before"),
            Self::KilledAfter => f.write_str("killed-after"),
            Self::Unwritten => f.write_str("unwritten"),
            Self::RebootBefore(machine) => write!(f, "reboot-{machine}-before"),
            Self::RebootAfter(machine) => write!(f, "reboot-{machine}-after"),
            Self::Unreachable(ms) => write!(f, "unreachable-{ms}"),
            Self::TunnelLost => f.write_str("tunnel"),
            Self::Clogged(ms) => write!(f, "clogged-{ms}"),
            Self::Busy(ms) => write!(f, "busy-{ms}"),
            Self::DiskFull(machine) => write!(f, "full-{machine}"),
            Self::Late(ms) => write!(f, "late-{ms}"),
            Self::Overtaken(ms) => write!(f, "overtaken-{ms}"),
            Self::LateKilled(ms) => write!(f, "latekilled-{ms}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no fault");
        let words: Vec<&str> = text.split('-').collect();
        let number = |word: &str| word.parse().map_err(|_| unknown());
        let machine = |word: &str| match word {
            "source" => Ok(Machine::Source),
            "dest" => Ok(Machine::Dest),
            _ => Err(unknown()),
        };
        Ok(match words.as_slice() {
            ["refused"] => Self::Refused,
            ["unsent"] => Self::NotSent,
            ["lost"] => Self::Lost,
            ["vain"] => Self::Vain,
            ["twice"] => Self::Twice,
            ["half", parts, how] => Self::Half(
                number(parts)?,
                match *how {
                    "lost" => Cut::Lost,
                    "refused" => Cut::Refused,
                    "killed" => Cut::Killed,
                    "rebooted" => Cut::Rebooted,
                    _ => return Err(unknown()),
                },
            ),
            ["killed", "before"] => Self::KilledBefore,
            ["killed", "after"] => Self::KilledAfter,
            ["unwritten"] => Self::Unwritten,
            ["reboot", name, "before"] => Self::RebootBefore(machine(name)?),
            ["reboot", name, "after"] => Self::RebootAfter(machine(name)?),
            ["unreachable", ms] => Self::Unreachable(number(ms)?),
            ["tunnel"] => Self::TunnelLost,
            ["clogged", ms] => Self::Clogged(number(ms)?),
            ["busy", ms] => Self::Busy(number(ms)?),
            ["full", name] => Self::DiskFull(machine(name)?),
            ["late", ms] => Self::Late(number(ms)?),
            ["overtaken", ms] => Self::Overtaken(number(ms)?),
            ["latekilled", ms] => Self::LateKilled(number(ms)?),
            _ => return Err(unknown()),
        })
    }
}

/// Where something goes wrong: the effects and the journal's records are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Point {
    /// An effect.
    Effect(u32),
    /// A record that is about to be kept.
    Append(u32),
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effect(index) => write!(f, "E{index}"),
            Self::Append(index) => write!(f, "J{index}"),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no point; expected E or J and a number");
        let index = |rest: &str| rest.parse().map_err(|_| unknown());
        if let Some(rest) = text.strip_prefix('E') {
            Ok(Self::Effect(index(rest)?))
        } else if let Some(rest) = text.strip_prefix('J') {
            Ok(Self::Append(index(rest)?))
        } else {
            Err(unknown())
        }
    }
}
