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

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification writes them.
    struct Vector {
        channel_id: Option<&'static str>,
        private_key: &'static str,
        challenge: &'static str,
        signature: &'static str,
    }

    const VECTORS: [Vector; 6] = [
        Vector {
            channel_id: None,
            private_key: "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            challenge: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            signature: concat!(
                "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0c",
                "ae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03",
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            ),
        },
        Vector {
            channel_id: None,
            private_key: "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            challenge: "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            signature: concat!(
                "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372",
                "190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660f",
                "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            ),
        },
        Vector {
            channel_id: None,
            private_key: "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            challenge: "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            signature: concat!(
                "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1e",
                "c184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30b",
                "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            ),
        },
        Vector {
            channel_id: Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            private_key: "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            challenge: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            signature: concat!(
                "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3",
                "e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f",
                "9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
            ),
        },
        Vector {
            channel_id: Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            private_key: "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            challenge: "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            signature: concat!(
                "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a42",
                "7c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01",
                "d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
            ),
        },
        Vector {
            channel_id: Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            private_key: "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            challenge: "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            signature: concat!(
                "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4",
                "d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608",
                "d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
            ),
        },
    ];

    /// Conformance: AUTH-CS-03, AUTH-CB-01
    #[test]
    fn auth_cs_05_the_six_vectors_of_the_specification() {
        for vector in VECTORS {
            let seed = parse_seed(vector.private_key).unwrap();
            let challenge = parse_challenge(vector.challenge).unwrap();
            let channel_id = vector.channel_id.map(|digits| parse_challenge(digits).unwrap());
            let signature = sign(&seed, &challenge, channel_id.as_ref());
            assert_eq!(signature, vector.signature);
            let key = public_key(&seed);
            assert_eq!(verify(&key, &challenge, channel_id.as_ref(), &signature), Ok(()));
            assert_eq!(verify(&key, &challenge, channel_id.as_ref(), &signature.to_uppercase()), Ok(()));
            let other_channel = if channel_id.is_some() { None } else { Some(&[1; 32]) };
            assert_eq!(
                verify(&key, &challenge, other_channel, &signature),
                Err(CryptosignError::OtherMessage)
            );
        }
    }

    #[test]
    fn auth_cs_04_each_part_of_a_signature_counts() {
        let (seed, challenge) = ([7; 32], [5; 32]);
        let (key, signature) = (public_key(&seed), sign(&seed, &challenge, None));
        let verify = |signature: &str| verify(&key, &challenge, None, signature);
        assert_eq!(verify(&signature), Ok(()));
        assert_eq!(verify(&sign(&[8; 32], &challenge, None)), Err(CryptosignError::OtherKey));
        assert_eq!(verify(&sign(&seed, &[6; 32], None)), Err(CryptosignError::OtherMessage));
        // The signature of another message under the right one.
        let other = sign(&seed, &[6; 32], None);
        let forged = format!("{}{}", other.split_at(128).0, signature.split_at(128).1);
        assert_eq!(verify(&forged), Err(CryptosignError::OtherKey));
        for wrong in
            ["", signature.split_at(190).0, &format!("{signature}00"), &"g".repeat(192), &"é".repeat(96)]
        {
            assert_eq!(verify(wrong), Err(CryptosignError::NotASignature), "{wrong}");
        }
    }

    #[test]
    fn auth_cs_01_a_public_key_has_64_digits_and_is_on_the_curve() {
        let key = public_key(&[7; 32]);
        assert_eq!(parse_public_key(&to_hex(&key)), Ok(key));
        assert_eq!(parse_public_key(&to_hex(&key).to_uppercase()), Ok(key));
        for digits in ["", "00", &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(parse_public_key(digits), Err(CryptosignError::Not32Octets), "{digits}");
        }
        let beside = format!("02{}", "0".repeat(62));
        assert_eq!(parse_public_key(&beside), Err(CryptosignError::NotAPublicKey));
    }
}
