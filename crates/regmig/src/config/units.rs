//! Sizes and durations as people write them.

use super::notes::Flaw;

/// A year: whatever is longer was not meant.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;

/// Reads a size such as `64 KiB` into bytes.
pub(super) fn size(text: &str) -> Result<u64, Flaw> {
    let units = "write a whole number and a unit: B, KiB, MiB, GiB, TiB, kB, MB, GB or TB";
    let (number, unit) = split(text.trim());
    let flaw = || Flaw::new("is not a size", units);
    let factor: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(flaw()),
    };
    let number: u64 = number.parse().map_err(|_| flaw())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| Flaw::new("is larger than any disk", units))
}

/// Reads a duration such as `1h 30m` into milliseconds; at least one, at most a year.
pub(super) fn milliseconds(text: &str) -> Result<u64, Flaw> {
    let units = "write whole numbers with a unit each: ms, s, m, h or d";
    let flaw = || Flaw::new("is not a duration", units);
    let mut rest = text.trim();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, tail) = split(rest);
        let length = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(length).ok_or_else(flaw)?;
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(flaw()),
        };
        let number: u64 = number.parse().map_err(|_| flaw())?;
        total = number
            .checked_mul(factor)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or_else(|| Flaw::new("is longer than a year", units))?;
        rest = tail.trim_start();
    }
    match total {
        0 if text.trim().is_empty() => Err(flaw()),
        0 => Err(Flaw::new(
            "is no time at all",
            "write a duration greater than zero",
        )),
        total => Ok(total),
    }
}

/// Reads a duration of whole seconds into seconds.
pub(super) fn seconds(text: &str) -> Result<u64, Flaw> {
    match milliseconds(text)? {
        total if total % 1_000 == 0 => Ok(total / 1_000),
        _ => Err(Flaw::new(
            "is not a whole number of seconds",
            "round it to seconds",
        )),
    }
}

/// Parts a text into its leading digits and what follows them and a space.
fn split(text: &str) -> (&str, &str) {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
    (number, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("64 KiB", 65_536),
            ("1MB", 1_000_000),
            ("0 B", 0),
            (" 2 GiB ", 2 << 30),
            ("1 kB", 1_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text).ok(), Some(bytes), "{text}");
        }
        for text in [
            "",
            "64",
            "KiB",
            "-1 B",
            "1.5 GiB",
            "64 kib",
            "99999999 TiB",
            "1 B B",
            "१ B",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            ("24h", 86_400_000),
            ("1h 30m", 5_400_000),
            ("2 s", 2_000),
            ("500ms", 500),
            ("1d2h", 93_600_000),
        ];
        for (text, ms) in cases {
            assert_eq!(milliseconds(text).ok(), Some(ms), "{text}");
        }
        for text in [
            "",
            "24",
            "h",
            "-1s",
            "1.5h",
            "0s",
            "366d",
            "1 fortnight",
            "18446744073709551615d",
            "1h,2m",
        ] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
        assert_eq!(seconds("2m").ok(), Some(120));
        assert!(seconds("1500ms").is_err());
    }
}
