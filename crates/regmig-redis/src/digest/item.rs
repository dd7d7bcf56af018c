//! What the script tells about one key.

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

/// One key: 64 bits of its name's hash, 60 bits of its record's hash, 4 bits of kind.
///
/// Ordered by mark first, so that two sorted lists can be walked side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Item(u128);

/// How many hexadecimal digits the script writes for one item.
pub(crate) const ITEM_DIGITS: usize = 32;

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Hash,
    Set,
    List,
    SortedSet,
    Stream,
    Other,
    Excluded,
}

impl Kind {
    /// The name that `TYPE` gives.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::List => "list",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
            Self::Other => "other",
            Self::Excluded => "excluded",
        }
    }
}

impl Item {
    /// Reads one item as the script writes it.
    pub(crate) fn read(digits: &str) -> Option<Self> {
        if digits.len() != ITEM_DIGITS {
            return None;
        }
        u128::from_str_radix(digits, 16).ok().map(Self)
    }

    /// What stands for the key's name.
    pub(crate) fn mark(self) -> Mark {
        Mark(u64::try_from(self.0 >> 64).unwrap_or(u64::MAX))
    }

    /// The type of the key.
    pub(crate) fn kind(self) -> Kind {
        match self.0 & 0x7 {
            0 => Kind::String,
            1 => Kind::Hash,
            2 => Kind::Set,
            3 => Kind::List,
            4 => Kind::SortedSet,
            5 => Kind::Stream,
            6 => Kind::Other,
            _ => Kind::Excluded,
        }
    }

    /// Whether the key expires, where expiry is compared.
    pub(crate) fn expires(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// What goes into the digest.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl From<Item> for String {
    fn from(item: Item) -> Self {
        format!("{:032x}", item.0)
    }
}

impl TryFrom<String> for Item {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        Self::read(&digits).ok_or("no item")
    }
}

/// A hash of a key's database and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Mark(u64);

impl Mark {
    /// The mark that the script gives a key.
    pub(crate) fn of(database: u32, key: &[u8]) -> Self {
        let mut sum = Sha1::new();
        sum.update(format!("{database}:"));
        sum.update(key);
        let sum: [u8; 20] = sum.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = sum;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_keeps_mark_record_and_kind_apart() {
        let item = Item::read("00ff0000000000011234567890123459").unwrap();
        assert_eq!(item.mark(), Mark(0x00ff_0000_0000_0001));
        assert_eq!(item.kind(), Kind::Hash);
        assert!(item.expires());
    }

    #[test]
    fn a_mark_is_the_start_of_a_sha1() {
        // printf 0:alice:server | sha1sum
        assert_eq!(Mark::of(0, b"alice:server"), Mark(0xcfda_ade4_a8b8_a1c2));
    }

    #[test]
    fn an_item_of_another_length_is_none() {
        assert_eq!(Item::read("00ff"), None);
        assert_eq!(Item::read("zz000000000000000000000000000000"), None);
    }
}
