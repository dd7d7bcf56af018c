//! Names the keys in which two data sets differ.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regmig_core::port::PortError;

use crate::client::Redis;
use crate::digest::collect::Collector;
use crate::digest::item::{Item, Kind, Mark};
use crate::digest::{DigestOptions, DigestProgress, Expiry};

/// How many names the server looks at in one call.
const BATCH: u32 = 2000;

/// Where two data sets differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// How many keys differ.
    pub total: u64,
    /// Some of them, by name.
    pub named: Vec<KeyDifference>,
}

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyDifference {
    /// The database it is in.
    pub database: u32,
    /// Its name, as Redis has it.
    pub name: Vec<u8>,
    /// In what it differs.
    pub difference: Difference,
}

impl KeyDifference {
    /// The key's name, with replacement characters where it is not UTF-8.
    pub fn key(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }
}

/// In what a key differs between two servers, `a` and `b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Only `a` has it.
    OnlyInA,
    /// Only `b` has it.
    OnlyInB,
    /// Its type.
    Type {
        /// The type on `a`.
        a: String,
        /// The type on `b`.
        b: String,
    },
    /// Its value.
    Value,
    /// Only the moment at which it expires.
    Expiry,
}

/// One mark that differs, with the items that the servers have for it.
struct Found {
    a: Option<Item>,
    b: Option<Item>,
}

/// Compares two servers key by key and names up to `limit` keys that differ.
///
/// Holds half of [`DigestOptions::keys_in_memory`] of each. Data that change meanwhile show as differences.
///
/// # Errors
///
/// As [`Redis::digest`].
pub async fn diff(
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    limit: usize,
    progress: &mut (dyn FnMut(DigestProgress) + Send),
) -> Result<Differences, PortError> {
    let mut total = 0_u64;
    let mut found = BTreeMap::new();
    let (mut left, mut right) =
        futures::try_join!(Collector::start(a, options), Collector::start(b, options))?;
    let most = u64::from(options.keys_in_memory / 2);
    let larger = if left.keys() >= right.keys() {
        &mut left
    } else {
        &mut right
    };
    let slices = larger.slices(most);
    left.expect_passes(slices.len());
    right.expect_passes(slices.len());
    for slice in &slices {
        let mut silent = |_| {};
        let (of_a, of_b) =
            futures::try_join!(left.items(slice, progress), right.items(slice, &mut silent))?;
        compare(&of_a, &of_b, |mark, one| {
            total += 1;
            if found.len() < limit {
                found.insert(mark, one);
            }
        });
    }
    let named = name(&mut left, &mut right, a, b, options, &found).await?;
    Ok(Differences { total, named })
}

/// Looks again, now, at keys in which two servers differed, and returns those in which they still do.
///
/// Each key is asked for on both at the same time. On a primary and its replica, what merely lagged is equal a moment later;
/// a key that changes all the time may differ at each look.
///
/// # Errors
///
/// As [`Redis::digest`].
pub async fn diff_again(
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    differed: &[KeyDifference],
) -> Result<Vec<KeyDifference>, PortError> {
    let (mut left, mut right) =
        futures::try_join!(Collector::start(a, options), Collector::start(b, options))?;
    let mut still = Vec::new();
    for one in differed {
        let name = || vec![one.name.clone()];
        let (x, y) = futures::try_join!(
            left.named(one.database, name()),
            right.named(one.database, name())
        )?;
        if x != y {
            still.push(one.clone());
        }
    }
    Ok(still)
}

/// Walks two sorted lists side by side and tells of every mark that differs.
fn compare(a: &[Item], b: &[Item], mut differs: impl FnMut(Mark, Found)) {
    let compared = |item: &Item| item.kind() != Kind::Excluded;
    let mut left = a.iter().copied().filter(compared).peekable();
    let mut right = b.iter().copied().filter(compared).peekable();
    loop {
        let mark = match (left.peek(), right.peek()) {
            (None, None) => return,
            (Some(one), None) | (None, Some(one)) => one.mark(),
            (Some(one), Some(other)) => one.mark().min(other.mark()),
        };
        let a = left.next_if(|item| item.mark() == mark);
        let b = right.next_if(|item| item.mark() == mark);
        if a != b {
            differs(mark, Found { a, b });
        }
    }
}

async fn name(
    left: &mut Collector,
    right: &mut Collector,
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    found: &BTreeMap<Mark, Found>,
) -> Result<Vec<KeyDifference>, PortError> {
    let in_a: Vec<Mark> = found
        .iter()
        .filter(|(_, one)| one.a.is_some())
        .map(|(m, _)| *m)
        .collect();
    let in_b: Vec<Mark> = found
        .iter()
        .filter(|(_, one)| one.a.is_none())
        .map(|(m, _)| *m)
        .collect();
    let mut names = find_names(left, &in_a).await?;
    names.extend(find_names(right, &in_b).await?);
    let blind = DigestOptions {
        expiry: Expiry::Ignored,
        ..options.clone()
    };
    let (mut blind_a, mut blind_b) =
        futures::try_join!(Collector::start(a, &blind), Collector::start(b, &blind))?;
    let mut named = Vec::new();
    for (mark, (database, key)) in names {
        let difference = match found.get(&mark) {
            None => continue,
            Some(Found {
                a: Some(_),
                b: None,
            }) => Difference::OnlyInA,
            Some(Found { a: None, .. }) => Difference::OnlyInB,
            Some(Found {
                a: Some(x),
                b: Some(y),
            }) if x.kind() != y.kind() => Difference::Type {
                a: x.kind().name().to_owned(),
                b: y.kind().name().to_owned(),
            },
            Some(_) => {
                let (x, y) = futures::try_join!(
                    blind_a.named(database, vec![key.clone()]),
                    blind_b.named(database, vec![key.clone()])
                )?;
                if x == y {
                    Difference::Expiry
                } else {
                    Difference::Value
                }
            }
        };
        named.push(KeyDifference {
            database,
            name: key,
            difference,
        });
    }
    named.sort();
    Ok(named)
}

/// Walks a server until the names behind all these marks are found.
async fn find_names(
    collector: &mut Collector,
    marks: &[Mark],
) -> Result<BTreeMap<Mark, (u32, Vec<u8>)>, PortError> {
    let mut names = BTreeMap::new();
    let wanted: Vec<String> = marks.iter().map(|mark| mark.digits()).collect();
    for database in collector.databases().to_vec() {
        collector.select(database);
        let mut cursor = 0;
        while names.len() < wanted.len() {
            let call = collector.script().names(database, cursor, BATCH, &wanted);
            let (next, pairs): (u64, Vec<(String, Vec<u8>)>) = collector.ask(&call).await?;
            names.extend(
                pairs
                    .into_iter()
                    .filter_map(|(mark, key)| Some((Mark::read(&mark)?, (database, key)))),
            );
            if next == 0 {
                break;
            }
            cursor = next;
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(mark: u64, record: u128, kind: u128) -> Item {
        Item::read(&format!("{mark:016x}{record:015x}{kind:x}")).unwrap()
    }

    fn marks(a: &[Item], b: &[Item]) -> Vec<String> {
        let mut marks = Vec::new();
        compare(a, b, |mark, found| {
            let sides = [found.a.map(|_| 'a'), found.b.map(|_| 'b')];
            let sides: String = sides.into_iter().flatten().collect();
            marks.push(format!("{}{sides}", mark.digits().trim_start_matches('0')));
        });
        marks
    }

    #[test]
    fn equal_lists_do_not_differ() {
        let list = [item(1, 1, 0), item(2, 5, 1)];
        assert_eq!(marks(&list, &list), Vec::<String>::new());
    }

    #[test]
    fn every_side_is_named() {
        let a = [item(1, 1, 0), item(3, 1, 0), item(4, 1, 0), item(9, 1, 0)];
        let b = [item(2, 1, 0), item(3, 2, 0), item(4, 1, 1)];
        assert_eq!(marks(&a, &b), ["1a", "2b", "3ab", "4ab", "9a"]);
    }

    #[test]
    fn excluded_keys_do_not_differ() {
        let a = [item(1, 0, 7), item(2, 1, 0)];
        let b = [item(2, 1, 0), item(3, 0, 7)];
        assert_eq!(marks(&a, &b), Vec::<String>::new());
    }
}
