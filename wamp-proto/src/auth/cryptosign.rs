//! Cryptosign: an Ed25519 key signs a challenge, bound to the TLS channel if both peers can (AUTH-CS, AUTH-CB,
//! AUTH-RTR).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::hex;

/// Digits of a signature: 64 octets, and the 32 that were signed (AUTH-CS-03).
const SIGNATURE_DIGITS: usize = 2 * (64 + 32);

/// What is wrong with a key or a signature (AUTH-CS-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptosignError {
    /// Not 64 hexadecimal digits.
    #[error("expected 64 hexadecimal digits")]
    Not32Octets,
    /// Not 192 hexadecimal digits.
    #[error("a signature has 192 hexadecimal digits")]
    NotASignature,
    /// No point of the curve.
    #[error("not an Ed25519 public key")]
    NotAPublicKey,
    /// Something else was signed than the challenge, or than the challenge on this channel.
    #[error("something else was signed than the challenge")]
    OtherMessage,
    /// Signed with another key.
    #[error("the signature is not of that key")]
    OtherKey,
}

/// Reads a public key.
///
/// # Errors
/// If it is none.
pub fn parse_public_key(digits: &str) -> Result<[u8; 32], CryptosignError> {
    let octets = hex::decode(digits).ok_or(CryptosignError::Not32Octets)?;
    VerifyingKey::from_bytes(&octets).or(Err(CryptosignError::NotAPublicKey))?;
    Ok(octets)
}

/// Reads the seed of a private key.
///
/// # Errors
/// If it has not 64 digits.
pub fn parse_seed(digits: &str) -> Result<[u8; 32], CryptosignError> {
    hex::decode(digits).ok_or(CryptosignError::Not32Octets)
}

/// Reads a challenge (AUTH-CS-02, AUTH-RTR-01).
///
/// # Errors
/// If it has not 64 digits.
pub fn parse_challenge(digits: &str) -> Result<[u8; 32], CryptosignError> {
    hex::decode(digits).ok_or(CryptosignError::Not32Octets)
}

/// A key, or a challenge, as messages carry it.
pub fn to_hex(octets: &[u8; 32]) -> String {
    hex::encode(octets)
}

/// The public key of the private key with that seed.
pub fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// The signature of a challenge, as AUTHENTICATE carries it: of the channel too, if there is a binding.
pub fn sign(seed: &[u8; 32], challenge: &[u8; 32], channel_id: Option<&[u8; 32]>) -> String {
    let message = message(challenge, channel_id);
    let signature = SigningKey::from_bytes(seed).sign(&message);
    hex::encode(&signature.to_bytes()) + &hex::encode(&message)
}

/// Whether the owner of that public key signed that challenge, on that channel.
///
/// # Errors
/// With what is wrong.
pub fn verify(
    public_key: &[u8; 32],
    challenge: &[u8; 32],
    channel_id: Option<&[u8; 32]>,
    signature: &str,
) -> Result<(), CryptosignError> {
    if signature.len() != SIGNATURE_DIGITS {
        return Err(CryptosignError::NotASignature);
    }
    let (signature, signed) = signature.split_at_checked(128).ok_or(CryptosignError::NotASignature)?;
    let signature = hex::decode(signature).ok_or(CryptosignError::NotASignature)?;
    let signed: [u8; 32] = hex::decode(signed).ok_or(CryptosignError::NotASignature)?;
    let key = VerifyingKey::from_bytes(public_key).or(Err(CryptosignError::NotAPublicKey))?;
    let message = message(challenge, channel_id);
    // Both are looked at before either says no, so that it takes as long.
    let by_key = key.verify_strict(&signed, &Signature::from_bytes(&signature));
    if signed != message {
        return Err(CryptosignError::OtherMessage);
    }
    by_key.or(Err(CryptosignError::OtherKey))
}

/// What is signed (AUTH-CB-01).
fn message(challenge: &[u8; 32], channel_id: Option<&[u8; 32]>) -> [u8; 32] {
    let mut message = *challenge;
    for (octet, bound) in message.iter_mut().zip(channel_id.into_iter().flatten()) {
        *octet ^= bound;
    }
    message
}
