//! The engine over a toy procedure: every fault at every point, forward and back.

#[cfg(test)]
mod decide;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod home;
#[cfg(test)]
mod toy;
