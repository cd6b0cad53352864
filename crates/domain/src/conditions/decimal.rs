//! Decimal numbers as texts, compared exactly: no float, no arithmetic, no digit that is not written.

use std::cmp::Ordering;
use std::iter::{Chain, Copied};
use std::slice;

/// Most digits of an exponent. A number with a longer one is beyond everything that a CRM counts.
const MAX_EXPONENT_DIGITS: usize = 9;

/// A number in JSON's grammar. It borrows its text, so that a number of any length and any exponent costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The digits from the first to the last that is not 0: those before the point, and those behind it.
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The place of the first digit: 1 stands for the digit just before the point. 0 for zero itself.
    magnitude: i64,
}

impl<'a> Decimal<'a> {
    /// A number as JSON writes it: `-1.50e3`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut mantissa_and_exponent = text.splitn(2, ['e', 'E']);
        let mantissa = mantissa_and_exponent.next()?;
        let exponent = match mantissa_and_exponent.next() {
            Some(exponent) => parse_exponent(exponent)?,
            None => 0,
        };
        Self::from_parts(mantissa, exponent)
    }

    /// A number without an exponent: `-1500.00`. A text such as `12e4` is more likely a code than a number.
    pub(super) fn parse_plain(text: &'a str) -> Option<Self> {
        Self::from_parts(text, 0)
    }

    fn from_parts(mantissa: &'a str, exponent: i64) -> Option<Self> {
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let point = unsigned.find('.');
        let whole = &unsigned.as_bytes()[..point.unwrap_or(unsigned.len())];
        let fraction = point.map(|point| &unsigned.as_bytes()[point + 1..]);
        let has_digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        // A leading zero makes a postal code, not a number.
        let is_whole = has_digits(whole) && (whole.len() == 1 || whole[0] != b'0');
        if !is_whole || !fraction.is_none_or(has_digits) {
            return None;
        }
        let negative = unsigned.len() < mantissa.len();
        Some(Self::normalised(
            negative,
            whole,
            fraction.unwrap_or_default(),
            exponent,
        ))
    }

    fn normalised(negative: bool, whole: &'a [u8], fraction: &'a [u8], exponent: i64) -> Self {
        let is_zero = |digit: &u8| *digit == b'0';
        let fraction_end = fraction.len() - fraction.iter().rev().take_while(|digit| is_zero(digit)).count();
        let fraction = &fraction[..fraction_end];
        if is_zero(&whole[0]) {
            let zeros = fraction.iter().take_while(|digit| is_zero(digit)).count();
            let digits = &fraction[zeros..];
            return Self {
                negative: negative && !digits.is_empty(),
                whole: &[],
                fraction: digits,
                magnitude: if digits.is_empty() { 0 } else { exponent - place(zeros) },
            };
        }
        let trailing = if fraction.is_empty() {
            whole.iter().rev().take_while(|digit| is_zero(digit)).count()
        } else {
            0
        };
        Self {
            negative,
            whole: &whole[..whole.len() - trailing],
            fraction,
            magnitude: exponent + place(whole.len()),
        }
    }

    fn digits(&self) -> Chain<Copied<slice::Iter<'a, u8>>, Copied<slice::Iter<'a, u8>>> {
        self.whole.iter().copied().chain(self.fraction.iter().copied())
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }

    /// By size alone, of two that are not zero. Digits behind the common ones make the larger number, since none ends
    /// with a zero.
    fn cmp_size(&self, other: &Self) -> Ordering {
        let magnitude = self.magnitude.cmp(&other.magnitude);
        magnitude.then_with(|| self.digits().cmp(other.digits()))
    }
}

/// An exponent of JSON's grammar.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > MAX_EXPONENT_DIGITS {
        return None;
    }
    let size = if significant.is_empty() {
        0
    } else {
        significant.parse().ok()?
    };
    Some(if text.starts_with('-') { -size } else { size })
}

fn place(digits: usize) -> i64 {
    i64::try_from(digits).unwrap_or(i64::MAX / 2)
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            0 => Ordering::Equal,
            1 => self.cmp_size(other),
            _ => other.cmp_size(self),
        })
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: Ordering) {
        let (left, right) = (Decimal::parse(left).unwrap(), Decimal::parse(right).unwrap());
        assert_eq!(left.cmp(&right), expected);
        assert_eq!(right.cmp(&left), expected.reverse());
    }

    #[test]
    fn equal_numbers_in_other_spellings() {
        for (left, right) in [
            ("12000", "12000.00"),
            ("0", "-0.000"),
            ("0e999999999", "0"),
            ("1e3", "1000"),
            ("1.50E+3", "1500"),
            ("12e-4", "0.0012"),
            ("100e-2", "1"),
            ("0.10", "0.1"),
        ] {
            check(left, right, Ordering::Equal);
        }
    }

    #[test]
    fn order_is_exact_however_long_or_large() {
        for (less, greater) in [
            ("9", "10"),
            ("-10", "-9"),
            ("-1", "0"),
            ("0", "0.0000000000000000000000000000000000001"),
            ("9007199254740993", "9007199254740994"),
            ("0.1", "0.1000000000000000000000000000000000000001"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("1e999999998", "1e999999999"),
            ("1e-999999999", "1e-999999998"),
            ("-1e999999999", "1e-999999999"),
            ("0.09", "0.1"),
            ("1", "1.5"),
            ("12", "120"),
        ] {
            check(less, greater, Ordering::Less);
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1e1.5",
            "1 ",
            " 1",
            "0x1",
            "1,000",
            "NaN",
            "Infinity",
            "1e9999999999",
            "--1",
            "1.2.3",
            "１",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text:?}");
        }
        assert!(Decimal::parse_plain("12e4").is_none());
        assert!(Decimal::parse("1e0000000000000000005").is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_arithmetic(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000, up in 0_u32..6, down in 0_u32..6) {
            // Two spellings of the same scale: moved by an exponent, and with a point.
            let scaled = |number: i64, places: u32| {
                let scale = 10_i64.pow(places);
                let sign = if number < 0 { "-" } else { "" };
                format!("{sign}{}.{:0width$}", number.abs() / scale, number.abs() % scale, width = places.max(1) as usize)
            };
            let expected = (i128::from(left) * 10_i128.pow(6 - up)).cmp(&(i128::from(right) * 10_i128.pow(6 - down)));
            let texts = [format!("{left}e-{up}"), format!("{right}e-{down}")];
            let [a, b] = texts.each_ref().map(|text| Decimal::parse(text).unwrap());
            prop_assert_eq!(a.cmp(&b), expected);
            if up > 0 {
                let spelled = scaled(left, up);
                prop_assert_eq!(Decimal::parse_plain(&spelled).unwrap(), a, "{}", spelled);
            }
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,20}") {
            let _ = Decimal::parse(&text);
        }
    }
}
