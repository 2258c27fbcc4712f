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

    const CHANNEL: &str = "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff";

    /// Channel, seed, challenge and signature of the specification ("Test Vectors").
    const VECTORS: [(Option<&str>, &str, &str, &str); 6] = [
        (
            None,
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ),
        (
            None,
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660fb26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
        ),
        (
            None,
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1ec184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30bb05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
        ),
        (
            Some(CHANNEL),
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
        ),
        (
            Some(CHANNEL),
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a427c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
        ),
        (
            Some(CHANNEL),
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
        ),
    ];

    /// Conformance: AUTH-CS-03, AUTH-CB-01
    #[test]
    fn auth_cs_05_the_vectors_of_the_specification() {
        for (channel, seed, challenge, signature) in VECTORS {
            let channel = channel.map(|channel| hex::decode(channel).unwrap());
            let (seed, challenge) = (parse_seed(seed).unwrap(), parse_challenge(challenge).unwrap());
            assert_eq!(sign(&seed, &challenge, channel.as_ref()), signature);
            let verify = |signature| verify(&public_key(&seed), &challenge, channel.as_ref(), signature);
            assert_eq!(verify(signature), Ok(()));
            assert_eq!(verify(&signature.to_uppercase()), Ok(()));
        }
    }

    /// The keys and the signature of the specification's example of router authentication.
    #[test]
    fn auth_rtr_01_the_example_of_the_specification() {
        let key =
            parse_public_key("4a3838f6fe75251e613329d53fc69b262d5eac97fb1d73bebbaed4015b53c862").unwrap();
        let challenge =
            parse_challenge("bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb").unwrap();
        let proof = "fd5128d2d207ba58a9d1d6f41b72c747964ad9d1294077b3b1eee6130b05843ab12c53c7f2519f73d4feb82db19d8ca0fc26b62bde6518e79a882f5795bc9f00bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb";
        assert_eq!(verify(&key, &challenge, None, proof), Ok(()));
    }

    const SEED: [u8; 32] = [7; 32];
    const CHALLENGE: [u8; 32] = [1; 32];

    #[test]
    fn auth_cs_04_each_wrong_part_of_a_signature_is_refused() {
        let key = public_key(&SEED);
        let verify = |signature: &str| verify(&key, &CHALLENGE, None, signature);
        let right = sign(&SEED, &CHALLENGE, None);
        assert_eq!(verify(&right), Ok(()));
        // A signature that is right, of something else.
        assert_eq!(verify(&sign(&SEED, &[2; 32], None)), Err(CryptosignError::OtherMessage));
        assert_eq!(verify(&sign(&SEED, &CHALLENGE, Some(&[3; 32]))), Err(CryptosignError::OtherMessage));
        assert_eq!(verify(&sign(&[8; 32], &CHALLENGE, None)), Err(CryptosignError::OtherKey));
        let (signature, signed) = right.split_at(128);
        let shorter: String = right.chars().skip(1).collect();
        let (head, tail): (String, String) =
            (right.chars().take(127).collect(), right.chars().skip(129).collect());
        for other in [
            "",
            signature,
            &shorter,
            &format!("{right}00"),
            &format!("{shorter}g"),
            // 192 octets, of which two are one character, also where the signature ends.
            &format!("{}é", right.chars().take(190).collect::<String>()),
            &format!("{head}é{tail}"),
        ] {
            assert_eq!(verify(other), Err(CryptosignError::NotASignature), "{other}");
        }
        // All over the signature and what was signed.
        for at in (0..right.len()).step_by(11) {
            let mut digits = right.clone().into_bytes();
            digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
            assert!(verify(std::str::from_utf8(&digits).unwrap()).is_err(), "{at}");
        }
        let zeros = format!("{}{signed}", "0".repeat(128));
        assert_eq!(verify(&zeros), Err(CryptosignError::OtherKey));
    }

    /// A key of small order "verifies" signatures that nobody made.
    #[test]
    fn auth_cs_04_weak_keys_verify_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let forged = format!("{}{}{}", hex::encode(&neutral), "0".repeat(64), hex::encode(&CHALLENGE));
        assert_eq!(verify(&neutral, &CHALLENGE, None, &forged), Err(CryptosignError::OtherKey));
    }

    #[test]
    fn auth_cs_01_a_public_key_has_64_digits_and_is_a_point() {
        let key = public_key(&SEED);
        assert_eq!(parse_public_key(&to_hex(&key)), Ok(key));
        assert_eq!(parse_public_key(&to_hex(&key).to_uppercase()), Ok(key));
        for text in ["", "00", &"a".repeat(63), &format!("{}0", to_hex(&key)), &"x".repeat(64)] {
            assert_eq!(parse_public_key(text), Err(CryptosignError::Not32Octets), "{text}");
            assert_eq!(parse_challenge(text), Err(CryptosignError::Not32Octets), "{text}");
            assert_eq!(parse_seed(text), Err(CryptosignError::Not32Octets), "{text}");
        }
        let no_point = format!("02{}", "0".repeat(62));
        assert_eq!(parse_public_key(&no_point), Err(CryptosignError::NotAPublicKey));
    }
}
