//! Kills, reboots and rollbacks of whole migrations, on the lab and under traffic.
//!
//! Every test prints its seed; `REGMIG_TEST_SEED` gives another. `REGMIG_TEST_LONG=1` tries more states, `REGMIG_TEST_FROM` names those to be left.

mod drift;
mod failback;
mod folders;
mod forward;
mod live;
mod local;
mod reboots;
mod rollbacks;
mod valkey;
mod verify;
