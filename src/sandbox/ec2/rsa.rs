//! RSA keys of 2048 bits, as `CreateKeyPair` makes them, in PKCS #1 and PKCS #8.
//!
//! Good for trying things out only: the numbers come from a generator that can be guessed.

use super::key_pair::der;

/// The length of a prime, in 64-bit words.
const WORDS: usize = 16;
const EXPONENT: u64 = 65537;

/// A number of any length, the least word first.
type Number = Vec<u64>;

/// A new private key.
pub(super) struct Key {
    pub(super) modulus: Vec<u8>,
    pub(super) exponent: Vec<u8>,
    /// As PKCS #1 has it.
    pub(super) private_key: Vec<u8>,
}

impl Key {
    /// A new key from a source of random words.
    pub(super) fn new(mut random: impl FnMut() -> u64) -> Self {
        let mut primes = [prime(&mut random), prime(&mut random)];
        primes.sort_by(|one, other| compare(other, one));
        let [p, q] = primes;
        let (less_p, less_q) = (less_one(&p), less_one(&q));
        let modulus = multiply(&p, &q);
        let members = [
            Number::new(),
            modulus.clone(),
            vec![EXPONENT],
            inverse_of_exponent(&multiply(&less_p, &less_q)),
            inverse_of_exponent(&less_p),
            inverse_of_exponent(&less_q),
        ];
        let [version, n, e, d, d_p, d_q] = members;
        // Fermat: the inverse modulo a prime is the power of two less.
        let coefficient = Modulus::new(&p).power(&q, &less_one(&less_p));
        let content = [version, n, e, d, p, q, d_p, d_q, coefficient].map(|number| der(0x02, &[bytes(&number)]));
        Self { modulus: bytes(&modulus), exponent: bytes(&vec![EXPONENT]), private_key: der(0x30, &content) }
    }

    /// The same in PKCS #8, which EC2 takes the fingerprint of.
    pub(super) fn pkcs8(&self) -> Vec<u8> {
        // The object identifier of rsaEncryption, and no parameters.
        let algorithm = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
        let parts = [
            der(0x02, &[vec![0]]),
            der(0x30, &[algorithm.to_vec()]),
            der(0x04, std::slice::from_ref(&self.private_key)),
        ];
        der(0x30, &parts)
    }
}

/// The greatest first, with a zero before what would look negative.
fn bytes(number: &Number) -> Vec<u8> {
    let all: Vec<u8> = number.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    let start = all.iter().position(|byte| *byte != 0).unwrap_or(all.len());
    let mut out = all[start..].to_vec();
    if out.first().is_none_or(|first| *first >= 0x80) {
        out.insert(0, 0);
    }
    out
}

fn compare(one: &[u64], other: &[u64]) -> std::cmp::Ordering {
    one.iter().rev().cmp(other.iter().rev())
}

fn less_one(number: &Number) -> Number {
    let mut out = number.clone();
    for word in &mut out {
        let (value, borrowed) = word.overflowing_sub(1);
        *word = value;
        if !borrowed {
            break;
        }
    }
    out
}

/// Adds the product of a number and a word to a sum that is long enough.
fn add_product(sum: &mut [u64], number: &[u64], by: u64) {
    let mut carry = 0;
    for (place, word) in sum.iter_mut().enumerate() {
        let factor = number.get(place).copied().unwrap_or(0);
        let total = u128::from(by) * u128::from(factor) + u128::from(*word) + carry;
        *word = total as u64;
        carry = total >> 64;
    }
}

fn multiply(one: &Number, other: &Number) -> Number {
    let mut out = vec![0; one.len() + other.len()];
    for (place, word) in one.iter().enumerate() {
        add_product(&mut out[place..], other, *word);
    }
    out
}

/// Quotient and remainder by a small number.
fn divide(number: &[u64], by: u64) -> (Number, u64) {
    let mut rest = 0;
    let mut out = vec![0; number.len()];
    for (place, word) in number.iter().enumerate().rev() {
        let whole = u128::from(rest) << 64 | u128::from(*word);
        out[place] = (whole / u128::from(by)) as u64;
        rest = (whole % u128::from(by)) as u64;
    }
    (out, rest)
}

/// The inverse of the exponent modulo `order`: the one multiple of `order` that is one less than a multiple of the
/// exponent tells it.
fn inverse_of_exponent(order: &Number) -> Number {
    let (_, rest) = divide(order, EXPONENT);
    let times = (1..EXPONENT).find(|times| (times * rest + 1) % EXPONENT == 0).unwrap_or(1);
    let mut multiple = multiply(order, &vec![times]);
    for word in &mut multiple {
        let (value, carried) = word.overflowing_add(1);
        *word = value;
        if !carried {
            break;
        }
    }
    divide(&multiple, EXPONENT).0
}

/// Multiplication modulo an odd number by Montgomery's method.
struct Modulus {
    number: Number,
    /// The negative inverse of its least word.
    inverse: u64,
    /// 1 and the square of the radix, as the method has them.
    one: Number,
    square: Number,
}

impl Modulus {
    fn new(number: &Number) -> Self {
        // Each round doubles the number of bits that are right.
        let inverse =
            (0..6).fold(1_u64, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(number[0].wrapping_mul(inverse))));
        let mut new =
            Self { number: number.clone(), inverse: inverse.wrapping_neg(), one: Number::new(), square: Number::new() };
        let bits = number.len() * 64;
        let mut value = vec![0; number.len()];
        value[0] = 1;
        for round in 0..2 * bits {
            if round == bits {
                new.one = value.clone();
            }
            value = new.double(&value);
        }
        new.square = value;
        new
    }

    /// Takes the modulus away once if the number, with a carry before it, is not below it.
    fn reduce(&self, number: &mut Number, carry: bool) {
        if carry || compare(number, &self.number).is_ge() {
            let mut borrow = false;
            for (word, other) in number.iter_mut().zip(&self.number) {
                let (value, first) = word.overflowing_sub(*other);
                let (value, second) = value.overflowing_sub(u64::from(borrow));
                *word = value;
                borrow = first || second;
            }
        }
    }

    fn double(&self, number: &Number) -> Number {
        let mut carry = 0;
        let mut out: Number = number
            .iter()
            .map(|word| {
                let doubled = word << 1 | carry;
                carry = word >> 63;
                doubled
            })
            .collect();
        self.reduce(&mut out, carry == 1);
        out
    }

    fn multiply(&self, one: &Number, other: &Number) -> Number {
        let length = self.number.len();
        let mut out = vec![0_u64; length + 2];
        for word in one {
            add_product(&mut out, other, *word);
            let by = out[0].wrapping_mul(self.inverse);
            add_product(&mut out, &self.number, by);
            // The least word is 0 now.
            out.rotate_left(1);
        }
        let carry = out[length] != 0;
        out.truncate(length);
        self.reduce(&mut out, carry);
        out
    }

    fn power(&self, base: &Number, exponent: &Number) -> Number {
        let mut base = base.clone();
        base.resize(self.number.len(), 0);
        self.reduce(&mut base, false);
        let base = self.multiply(&base, &self.square);
        let mut out = self.one.clone();
        for word in exponent.iter().rev() {
            for bit in (0..64).rev() {
                out = self.multiply(&out, &out);
                if word >> bit & 1 == 1 {
                    out = self.multiply(&out, &base);
                }
            }
        }
        let mut unit = vec![0; self.number.len()];
        unit[0] = 1;
        self.multiply(&out, &unit)
    }
}

/// A prime whose two greatest bits are set, so that the product of two has all its bits, and that the exponent fits.
fn prime(random: &mut impl FnMut() -> u64) -> Number {
    loop {
        let mut candidate: Number = (0..WORDS).map(|_| random()).collect();
        candidate[0] |= 1;
        candidate[WORDS - 1] |= 3 << 62;
        let divisible = (3..4096).step_by(2).any(|divisor| divide(&candidate, divisor).1 == 0);
        if !divisible && divide(&candidate, EXPONENT).1 != 1 && is_probably_prime(&candidate) {
            return candidate;
        }
    }
}

/// Miller and Rabin's test. At this length the first bases leave no doubt about numbers that nobody chose.
fn is_probably_prime(number: &Number) -> bool {
    let modulus = Modulus::new(number);
    let last = less_one(number);
    let twos = last.iter().take_while(|word| **word == 0).count() * 64
        + last.iter().find(|word| **word != 0).map_or(0, |word| word.trailing_zeros() as usize);
    let mut odd = last.clone();
    for _ in 0..twos {
        odd = divide(&odd, 2).0;
    }
    let mut unit = vec![0; number.len()];
    unit[0] = 1;
    [2, 3, 5, 7].into_iter().all(|base| {
        let mut value = modulus.power(&vec![base], &odd);
        if value == unit || value == last {
            return true;
        }
        for _ in 1..twos {
            value = modulus.power(&value, &vec![2]);
            if value == last {
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_others() {
        // 2^127 - 1 is a prime, 2^127 + 1 and the product of two primes are none.
        let mersenne = vec![u64::MAX, u64::MAX >> 1];
        assert!(is_probably_prime(&mersenne));
        assert!(!is_probably_prime(&vec![1, 1 << 63]));
        assert!(!is_probably_prime(&multiply(&mersenne, &vec![1_000_000_007])));
    }

    #[test]
    fn what_is_encrypted_can_be_read_again() {
        let mut random = fastrand::Rng::with_seed(7);
        let (p, q) = (prime(&mut || random.u64(..)), prime(&mut || random.u64(..)));
        let modulus = Modulus::new(&multiply(&p, &q));
        let private = inverse_of_exponent(&multiply(&less_one(&p), &less_one(&q)));
        let mut message = vec![0; 2 * WORDS];
        message[..2].copy_from_slice(&[42, 4711]);
        let secret = modulus.power(&message, &vec![EXPONENT]);
        assert_ne!(secret, message);
        assert_eq!(modulus.power(&secret, &private), message);
        assert_eq!(modulus.number[2 * WORDS - 1] >> 63, 1);
    }
}
