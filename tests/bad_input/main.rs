//! Mistakes of an operator, and machines that are not as they should be: each is refused with one clear
//! message, and nothing has changed on any machine.

#[cfg(test)]
mod certificate;
#[cfg(test)]
mod data;
#[cfg(test)]
mod dest;
#[cfg(test)]
mod login;
#[cfg(test)]
mod persistence;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod under_way;
