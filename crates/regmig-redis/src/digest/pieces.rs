//! Reads one large key in pieces.

use regmig_core::port::PortError;

use crate::digest::collect::Collector;
use crate::digest::item::Item;
use crate::fault::Fault;

/// How often a key that changes under the eyes is read again.
const READINGS: u32 = 3;

/// The limbs of a sum are 52 bits wide.
const LIMB: u64 = 1 << 52;

/// One piece: where the next begins, the type, elements, and two limbs of their sum.
type Piece = (String, String, u64, u64, u64);

/// The item of a large key, or none when it has gone meanwhile.
///
/// `HSCAN` and its like may give an element twice. That the number of elements read is the
/// number that the key has proves that it did not.
pub(crate) async fn read(
    collector: &mut Collector,
    database: u32,
    key: &[u8],
) -> Result<Option<Item>, PortError> {
    for _ in 0..READINGS {
        let (kind, sum) = sum(collector, database, key).await?;
        let call = collector.script().finish(database, key, &kind, sum);
        let answer: String = collector.ask(&call).await?;
        match answer.as_str() {
            "gone" => return Ok(None),
            "changed" => {}
            digits => {
                if let Some(item) = Item::read(digits) {
                    return Ok(Some(item));
                }
                let expected = "one item".to_owned();
                return Err(collector.refused(Fault::Unexpected {
                    found: answer,
                    expected,
                }));
            }
        }
    }
    let key = String::from_utf8_lossy(key).into_owned();
    Err(collector.refused(Fault::Changing { key }))
}

async fn sum(
    collector: &mut Collector,
    database: u32,
    key: &[u8],
) -> Result<(String, [u64; 3]), PortError> {
    let mut cursor = "0".to_owned();
    let mut total = [0_u64; 3];
    loop {
        let call = collector.script().piece(database, key, &cursor);
        let (next, kind, elements, a, b): Piece = collector.ask(&call).await?;
        let [count, limbs @ ..] = &mut total;
        *count += elements;
        for (limb, part) in limbs.iter_mut().zip([a, b]) {
            *limb = (*limb + part) % LIMB;
        }
        if next == "0" {
            return Ok((kind, total));
        }
        cursor = next;
    }
}
