//! The first three octets of a lab's network, as people type them.

/// Parses the first three octets of a network.
///
/// # Errors
///
/// What was found and what was expected, where it is something else.
pub fn subnet(text: &str) -> Result<[u8; 3], String> {
    let octets: Vec<u8> = text
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{text} is not of the form 10.213.77"))?;
    octets
        .try_into()
        .map_err(|_| format!("{text} has not three octets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_three_octets() {
        assert_eq!(subnet("10.1.2"), Ok([10, 1, 2]));
        assert!(subnet("10.1.2.3").is_err());
        assert!(subnet("10.1.256").is_err());
    }
}
