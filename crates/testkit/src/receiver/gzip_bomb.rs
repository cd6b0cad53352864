//! A small body that unpacks to a large one.

/// A gzip stream (RFC 1952) of about `unpacked_bytes` zeros, 159 times smaller. Its checksum is wrong: a program that
/// unpacks it that far has failed the test already.
pub(super) fn gzip_bomb(unpacked_bytes: usize) -> Vec<u8> {
    let mut bits = Bits {
        bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        used: 0,
    };
    // One last block with fixed codes (RFC 1951 §3.2.6): the literal 0, then "258 bytes from 1 byte ago", then the end.
    bits.push(0b1, 1);
    bits.push(0b10, 2);
    bits.push(0b0011_0000, 8);
    for _ in 0..unpacked_bytes / 258 {
        bits.push(0b1100_0101, 8);
        bits.push(0, 5);
    }
    bits.push(0, 7);
    bits.bytes.extend([0; 8]);
    bits.bytes
}

/// Bits filled in from the least significant end of each byte; codes enter with their first bit highest.
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte in use; 0 when a new byte is due.
    used: u8,
}

impl Bits {
    fn push(&mut self, code: u8, length: u8) {
        for bit in (0..length).rev().map(|place| (code >> place) & 1) {
            if self.used == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("a byte was pushed at the start") |= bit << self.used;
            self.used = (self.used + 1) % 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_what_the_format_says() {
        // Header; "last block, fixed codes, literal 0, (258 bytes, 1 back) twice, end" by hand; checksum and length.
        let expected = [
            &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..],
            &[0b0110_0011, 0b0001_1000, 0b0000_0101, 0b1010_0011, 0, 0],
            &[0; 8],
        ]
        .concat();
        assert_eq!(gzip_bomb(516), expected);
    }
}
