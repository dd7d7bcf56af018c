//! The few digits that notice a change of a marked place.

use sha2::{Digest, Sha256};

/// Eight hexadecimal digits over pieces of text; the pieces' borders count.
///
/// It guards against accidents, not against malice: 32 bits are plenty, and short lines stay readable.
pub(super) fn digest(pieces: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update((piece.len() as u64).to_le_bytes());
        hasher.update(piece.as_bytes());
    }
    hasher
        .finalize()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn borders_between_pieces_count() {
        assert_eq!(digest(&["ab", "c"]).len(), 8);
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
