//! What people use cannot be told to kill itself.

use regmig_tests::program;
use regmig_tests::support::Tried;

/// Whether a program's file has these words in it.
fn says(bytes: &[u8], words: &str) -> bool {
    bytes
        .windows(words.len())
        .any(|window| window == words.as_bytes())
}

#[test]
fn regmig_has_no_failpoints() -> Tried<()> {
    let bytes = std::fs::read(program("regmig"))?;
    // Names of environment variables can be seen in it: of one that it does know.
    assert!(says(&bytes, "REGMIG_STORE"));
    assert!(!says(&bytes, "REGMIG_FAILPOINT"));
    Ok(())
}
