//! What regmig says and does without any machine: its command line, its refusals, its journals.
//!
//! Every call has an environment of its own and a folder of its own; nothing leaves this machine.

#[cfg(test)]
mod begins;
#[cfg(test)]
mod failpoints;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod help;
#[cfg(test)]
mod journals;
#[cfg(test)]
mod nothing_begun;
#[cfg(test)]
mod out_of_reach;
#[cfg(test)]
mod usage;
