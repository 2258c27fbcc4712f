//! Which node a resource key belongs to.
pub(super) fn score(node: &[u8], resource_key: &str) -> u64 {
    use std::hash::Hasher;
    let mut h = siphasher::sip::SipHasher24::new();
    h.write(node);
    h.write_u8(0xff);
    h.write(resource_key.as_bytes());
    h.finish()
}
