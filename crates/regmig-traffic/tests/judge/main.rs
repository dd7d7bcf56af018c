//! The judge, judged: each fault that it has to find is made on purpose.

#[cfg(test)]
mod failures;
#[cfg(test)]
mod following;
#[cfg(test)]
mod losses;
#[cfg(test)]
mod name_server;
#[cfg(test)]
mod program;
#[cfg(test)]
mod register;
#[cfg(test)]
mod rig;
