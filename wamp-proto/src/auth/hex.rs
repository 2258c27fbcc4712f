//! Octets as hexadecimal digits: lower case on the way out, either case on the way in.

/// The octets as digits.
pub(super) fn encode(octets: &[u8]) -> String {
    base16ct::lower::encode_string(octets)
}

/// The octets of exactly that many digits.
pub(super) fn decode<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let decoded = base16ct::mixed::decode(digits, &mut octets).ok()?;
    (decoded.len() == N).then_some(octets)
}

/// The octets of any number of digits.
pub(super) fn decode_any(digits: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(digits).ok()
}
