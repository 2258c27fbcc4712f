//! Random changes of octets that are worth changing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Octets that mean something to one of the decoders.
const TELLING: &[&[u8]] = &[
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-0",
    b"1e400",
    b"9007199254740992",
    b"18446744073709551616",
    b"\xff",
    b"\x7f",
    b"\x9f",
    b"\xbf",
    b"\xc1",
    b"\xc2",
    b"\xd9\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc3\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xf9\x7e\x00",
    b"\xc7\x0c\xff",
    b"\0\0\0\x01",
    b"\x1e",
    b"\n",
    b"\r\n",
    b"\xed\xa0\x80",
    b"\"\"\"",
    b"=",
    b"${",
    b"\n\n",
];

#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Swap(Index, Index),
    Cut(Index),
    /// What follows comes from another piece.
    GoOnWith(Index, Index, Index),
}

/// One of these pieces, with a few changes; at times nothing but noise.
pub(crate) fn changed(pieces: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let inserted =
        prop_oneof![prop::sample::select(TELLING).prop_map(<[u8]>::to_vec), vec(any::<u8>(), 1..8),];
    let change = prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
        (any::<Index>(), inserted).prop_map(|(at, octets)| Change::Insert(at, octets)),
        (any::<Index>(), 1..32_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        (any::<Index>(), 1..64_usize, 1..20_usize)
            .prop_map(|(at, len, times)| Change::Repeat(at, len, times)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Change::Swap(at, other)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(at, piece, from)| Change::GoOnWith(at, piece, from)),
    ];
    let of_piece = (any::<Index>(), vec(change, 1..6)).prop_map(move |(piece, changes)| {
        let mut octets = piece.get(&pieces).clone();
        for change in changes {
            change.apply(&mut octets, &pieces);
        }
        octets
    });
    prop_oneof![15 => of_piece, 1 => vec(any::<u8>(), 0..64)]
}

impl Change {
    fn apply(self, octets: &mut Vec<u8>, pieces: &[Vec<u8>]) {
        let place = |at: Index, octets: &[u8]| at.index(octets.len() + 1);
        match self {
            Self::Flip(at, bit) => {
                let at = place(at, octets);
                octets.iter_mut().skip(at).take(1).for_each(|octet| *octet ^= 1 << bit);
            }
            Self::Set(at, value) => {
                let at = place(at, octets);
                octets.iter_mut().skip(at).take(1).for_each(|octet| *octet = value);
            }
            Self::Insert(at, inserted) => {
                let at = place(at, octets);
                octets.splice(at..at, inserted);
            }
            Self::Remove(at, len) => {
                let at = place(at, octets);
                octets.drain(at..octets.len().min(at + len));
            }
            Self::Repeat(at, len, times) => {
                let at = place(at, octets);
                let repeated: Vec<u8> = octets.iter().skip(at).take(len).copied().collect();
                octets.splice(at..at, repeated.repeat(times));
            }
            Self::Swap(at, other) => {
                if !octets.is_empty() {
                    let len = octets.len();
                    octets.swap(at.index(len), other.index(len));
                }
            }
            Self::Cut(at) => octets.truncate(place(at, octets)),
            Self::GoOnWith(at, piece, from) => {
                octets.truncate(place(at, octets));
                let other = piece.get(pieces);
                octets.extend(other.iter().skip(place(from, other)));
            }
        }
    }
}
