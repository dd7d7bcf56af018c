//! `regmig verify`: what it takes while nobody writes and while clients do, and what it costs them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::own::{Verified, compared_ms, p99_us};
use super::procedures::regmig_of;
use super::{BenchError, WRITERS};
use crate::clients::{Clients, Pace};
use crate::clock::now_ms;
use crate::file_error::FileError;
use crate::lab::Lab;

/// For how long it is seen what a write takes while nobody compares data.
const BEFORE: Duration = Duration::from_secs(5);

/// Compares both machines' data while nobody writes, and then with clients of its own, who are no part of what is measured of
/// the migration.
pub(super) fn verify(lab: &Lab, folder: &Path, traffic: &Path) -> Result<Verified, BenchError> {
    let verify_quiet_ms = compare_data(folder)?;
    let at_work = folder.join("verify");
    fs::create_dir_all(&at_work).map_err(FileError::io("make", &at_work))?;
    let mut clients = Clients::start(traffic, lab, &at_work, Pace::Writers(WRITERS))?;
    let verified = watch(folder, &mut clients, verify_quiet_ms);
    clients.stop()?;
    verified
}

fn watch(
    folder: &Path,
    clients: &mut Clients,
    verify_quiet_ms: u64,
) -> Result<Verified, BenchError> {
    clients.calm(Duration::ZERO)?;
    let begun = now_ms();
    clients.calm(BEFORE)?;
    let verifying = now_ms();
    let verify_ms = compare_data(folder)?;
    let compared = verifying.saturating_add_unsigned(verify_ms);
    Ok(Verified {
        verify_quiet_ms,
        verify_ms,
        p99_verifying_us: p99_us(&clients.write_times(verifying, compared)?),
        p99_before_us: p99_us(&clients.write_times(begun, verifying)?),
    })
}

/// Runs `verify` until it has compared all data, and says how long that took, in ms. It would go on with questions to DNS about
/// every user; it only looks, and is ended there.
fn compare_data(folder: &Path) -> Result<u64, BenchError> {
    let said = regmig_of(folder, &["verify"])?.until(|said| compared_ms(said).is_some())?;
    compared_ms(&said).ok_or(BenchError::Figures(said))
}
