//! Names the keys in which two data sets differ.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::client::Redis;
use crate::digest::collect::Collector;
use crate::digest::item::{Item, Kind, Mark};
use crate::digest::kept::{Kept, Side, Subject, Walk};
use crate::digest::{DigestOptions, DigestProgress, Expiry};

/// How many keys by name are asked for in one call.
const BATCH: usize = 500;

/// A key's database and its name, as Redis has it.
type Place = (u32, Vec<u8>);

/// Where two data sets differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// How many keys differ.
    pub total: u64,
    /// Some of them, by name.
    pub named: Vec<KeyDifference>,
    /// Whether a comparison that was interrupted has been gone on with.
    pub went_on: bool,
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

/// What the servers have for one mark that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    a: Option<Item>,
    b: Option<Item>,
}

/// Compares two servers key by key and names up to `limit` keys that differ.
///
/// Holds half of [`DigestOptions::keys_in_memory`] of each. Data that change meanwhile show as differences. Where it is told
/// to keep what it reads, it goes on with what an interrupted one has kept, no more than ten minutes before.
///
/// # Errors
///
/// As [`Redis::digest`].
pub async fn diff(
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    limit: usize,
    kept: Option<&Kept>,
    progress: &mut (dyn FnMut(DigestProgress) + Send),
) -> Result<Differences, PortError> {
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
    let subject = Subject {
        about: kept.map(|kept| kept.about.clone()).unwrap_or_default(),
        run_ids: [left.run_id().to_owned(), right.run_id().to_owned()],
        slices: slices.len(),
        excluded: options.excluded.clone(),
        expiry: options.expiry == Expiry::Exact,
    };
    let mut walk = Walk::open(kept, subject);
    let went_on = walk.goes_on();
    left.pass_over(walk.tally.slices);
    right.pass_over(walk.tally.slices);
    for slice in slices.iter().skip(walk.tally.slices) {
        let mut silent = |_| {};
        let (part_a, part_b) = (walk.part(Side::A), walk.part(Side::B));
        let (of_a, of_b) = futures::try_join!(
            left.items(slice, &part_a, progress),
            right.items(slice, &part_b, &mut silent)
        )?;
        let mut tally = walk.tally.clone();
        tally.slices += 1;
        compare(&of_a, &of_b, |mark, one| {
            tally.total += 1;
            if tally.found.len() < limit {
                tally.found.insert(mark, one);
            }
        });
        walk.compared(tally);
    }
    let named = name(&mut left, &mut right, a, b, options, &walk.tally.found).await?;
    let total = walk.tally.total;
    walk.end();
    Ok(Differences {
        total,
        named,
        went_on,
    })
}

/// Looks again, now, at keys in which two servers differed, and returns those in which they still do.
///
/// Each key is asked for on both at about the same time. On a primary and its replica, what merely lagged is equal a moment later;
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
    let places = differed.iter().map(|one| (one.database, one.name.clone()));
    let marks = differing(a, b, options, places).await?;
    Ok(differed
        .iter()
        .filter(|one| marks.contains(&Mark::of(one.database, &one.name)))
        .cloned()
        .collect())
}

/// Those of some keys in which two servers differ now, by their marks.
async fn differing(
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    places: impl Iterator<Item = Place>,
) -> Result<BTreeSet<Mark>, PortError> {
    let mut names: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for (database, name) in places {
        names.entry(database).or_default().push(name);
    }
    let mut marks = BTreeSet::new();
    if names.is_empty() {
        return Ok(marks);
    }
    let (mut left, mut right) =
        futures::try_join!(Collector::start(a, options), Collector::start(b, options))?;
    for (database, names) in names {
        for some in names.chunks(BATCH) {
            let (of_a, of_b) = futures::try_join!(
                left.named(database, some.to_vec()),
                right.named(database, some.to_vec())
            )?;
            compare(&of_a, &of_b, |mark, _| {
                marks.insert(mark);
            });
        }
    }
    Ok(marks)
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

/// Names the keys behind marks, as far as they are still there, and tells in what each differs.
async fn name(
    left: &mut Collector,
    right: &mut Collector,
    a: &Redis,
    b: &Redis,
    options: &DigestOptions,
    found: &BTreeMap<Mark, Found>,
) -> Result<Vec<KeyDifference>, PortError> {
    let marks = |of_a: bool| {
        let of = found.iter().filter(|(_, one)| one.a.is_some() == of_a);
        of.map(|(mark, _)| *mark).collect()
    };
    let mut names = find_names(left, &marks(true)).await?;
    names.extend(find_names(right, &marks(false)).await?);
    let same_kind = |mark: &Mark| {
        let one = found.get(mark);
        one.is_some_and(|one| one.a.map(Item::kind) == one.b.map(Item::kind))
    };
    let both = names.iter().filter(|(mark, _)| same_kind(mark));
    let blind = DigestOptions {
        expiry: Expiry::Ignored,
        ..options.clone()
    };
    let by_value = differing(a, b, &blind, both.map(|(_, place)| place.clone())).await?;
    let mut named = Vec::new();
    for (mark, (database, name)) in names {
        let Some(Found { a, b }) = found.get(&mark) else {
            continue;
        };
        let difference = match (a, b) {
            (_, None) => Difference::OnlyInA,
            (None, _) => Difference::OnlyInB,
            (Some(x), Some(y)) if x.kind() != y.kind() => Difference::Type {
                a: x.kind().name().to_owned(),
                b: y.kind().name().to_owned(),
            },
            _ if by_value.contains(&mark) => Difference::Value,
            _ => Difference::Expiry,
        };
        named.push(KeyDifference {
            database,
            name,
            difference,
        });
    }
    named.sort();
    Ok(named)
}

/// Walks a server until the names behind all these marks are found.
async fn find_names(
    collector: &mut Collector,
    wanted: &BTreeSet<Mark>,
) -> Result<BTreeMap<Mark, Place>, PortError> {
    let mut names = BTreeMap::new();
    for database in collector.databases().to_vec() {
        let mut cursor = 0;
        while names.len() < wanted.len() {
            let (next, keys) = collector.names(database, cursor).await?;
            for key in keys {
                let mark = Mark::of(database, &key);
                if wanted.contains(&mark) {
                    names.insert(mark, (database, key));
                }
            }
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
            marks.push(format!("{mark:?}{sides}"));
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
        assert_eq!(
            marks(&a, &b),
            ["Mark(1)a", "Mark(2)b", "Mark(3)ab", "Mark(4)ab", "Mark(9)a"]
        );
    }

    #[test]
    fn excluded_keys_do_not_differ() {
        let a = [item(1, 0, 7), item(2, 1, 0)];
        let b = [item(2, 1, 0), item(3, 0, 7)];
        assert_eq!(marks(&a, &b), Vec::<String>::new());
    }
}
