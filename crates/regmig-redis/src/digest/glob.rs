//! Globs as Redis has them, in the patterns of Lua.

use std::iter::Peekable;
use std::str::Bytes;

/// Turns a glob (`*`, `?`, `[a-z]`, `[^a]`, `\x`) into a Lua pattern that matches the same names.
pub(crate) fn lua_pattern(glob: &str) -> Vec<u8> {
    let mut pattern = vec![b'^'];
    let mut bytes = glob.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' => pattern.extend(b".*"),
            b'?' => pattern.push(b'.'),
            b'\\' => literal(bytes.next().unwrap_or(b'\\'), &mut pattern),
            b'[' => class(&mut bytes, &mut pattern),
            other => literal(other, &mut pattern),
        }
    }
    pattern.push(b'$');
    pattern
}

/// A class of bytes; one that is empty matches nothing, in Redis as well.
fn class(bytes: &mut Peekable<Bytes<'_>>, pattern: &mut Vec<u8>) {
    let negated = bytes.next_if_eq(&b'^').is_some();
    let mut inner = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b']' => break,
            b'-' => inner.push(b'-'),
            b'\\' => literal(bytes.next().unwrap_or(b'\\'), &mut inner),
            other => literal(other, &mut inner),
        }
    }
    match (inner.is_empty(), negated) {
        (true, true) => pattern.push(b'.'),
        (true, false) => pattern.extend(b"[^%z\x01-\xff]"),
        (false, _) => {
            pattern.extend(if negated { b"[^".as_slice() } else { b"[" });
            pattern.append(&mut inner);
            pattern.push(b']');
        }
    }
}

fn literal(byte: u8, pattern: &mut Vec<u8>) {
    match byte {
        0 => pattern.extend(b"%z"),
        _ if byte.is_ascii_punctuation() => pattern.extend([b'%', byte]),
        _ => pattern.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(glob: &str) -> String {
        String::from_utf8(lua_pattern(glob)).unwrap()
    }

    #[test]
    fn stars_and_marks_become_lua() {
        assert_eq!(pattern("wactiv:*"), "^wactiv%:.*$");
        assert_eq!(pattern("a?c"), "^a.c$");
    }

    #[test]
    fn what_lua_treats_specially_is_escaped() {
        assert_eq!(pattern("a.b+c%d-e"), "^a%.b%+c%%d%-e$");
        assert_eq!(pattern(r"a\*b"), "^a%*b$");
    }

    #[test]
    fn classes_stay_classes() {
        assert_eq!(pattern("[a-c]x"), "^[a-c]x$");
        assert_eq!(pattern("[^.]"), "^[^%.]$");
        assert_eq!(pattern("[^]"), "^.$");
        assert_eq!(lua_pattern("a[]"), b"^a[^%z\x01-\xff]$");
    }
}
