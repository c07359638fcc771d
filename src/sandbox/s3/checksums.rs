//! The checksums that clients send with a body; the SDKs send CRC32 unasked.

use aws_smithy_types::base64;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::sandbox::wire::AwsError;

/// A kind of checksum: what it is called in a header, in a member and in words, and how it is computed.
pub(super) struct Checksum {
    pub(super) header: &'static str,
    pub(super) member: &'static str,
    name: &'static str,
    compute: fn(&[u8]) -> Vec<u8>,
}

pub(super) const CHECKSUMS: &[Checksum] = &[
    Checksum {
        header: "x-amz-checksum-crc32",
        member: "ChecksumCRC32",
        name: "CRC32",
        compute: |bytes| crc(bytes, 0xedb8_8320, 32)[4..].to_vec(),
    },
    Checksum {
        header: "x-amz-checksum-crc32c",
        member: "ChecksumCRC32C",
        name: "CRC32C",
        compute: |bytes| crc(bytes, 0x82f6_3b78, 32)[4..].to_vec(),
    },
    Checksum {
        header: "x-amz-checksum-crc64nvme",
        member: "ChecksumCRC64NVME",
        name: "CRC64NVME",
        compute: |bytes| crc(bytes, 0x9a6c_9329_ac4b_c9b5, 64).to_vec(),
    },
    Checksum {
        header: "x-amz-checksum-sha1",
        member: "ChecksumSHA1",
        name: "SHA1",
        compute: |bytes| Sha1::digest(bytes).to_vec(),
    },
    Checksum {
        header: "x-amz-checksum-sha256",
        member: "ChecksumSHA256",
        name: "SHA256",
        compute: |bytes| Sha256::digest(bytes).to_vec(),
    },
];

/// A cyclic redundancy check of either width: reflected, with all bits set at first and turned at the end.
fn crc(bytes: &[u8], polynomial: u64, width: u32) -> [u8; 8] {
    let ones = u64::MAX >> (64 - width);
    let mut sum = ones;
    for byte in bytes {
        sum ^= u64::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ polynomial } else { sum >> 1 };
        }
    }
    (sum ^ ones).to_be_bytes()
}

/// Refuses a body that is not what its sender summed up.
pub(super) fn check(checksum: &Checksum, sent: &str, body: &[u8]) -> Result<(), AwsError> {
    if base64::encode((checksum.compute)(body)) == sent {
        return Ok(());
    }
    let message = format!("The {} you specified did not match the calculated checksum.", checksum.name);
    Err(AwsError::invalid("BadDigest", message))
}

/// Refuses a body that does not fit its `Content-MD5`.
pub(super) fn check_md5(sent: &str, body: &[u8]) -> Result<(), AwsError> {
    if base64::encode(Md5::digest(body)) == sent {
        return Ok(());
    }
    Err(AwsError::invalid("BadDigest", "The Content-MD5 you specified did not match what we received."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms, for "123456789".
    #[test]
    fn the_catalogues_check_values() {
        let of = |name: &str| {
            let checksum = CHECKSUMS.iter().find(|one| one.name == name).unwrap();
            (checksum.compute)(b"123456789").iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(of("CRC32"), "cbf43926");
        assert_eq!(of("CRC32C"), "e3069283");
        assert_eq!(of("CRC64NVME"), "ae8b14860a799888");
        assert_eq!(of("SHA1"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        let right = base64::encode([0xcb, 0xf4, 0x39, 0x26]);
        assert_eq!(check(&CHECKSUMS[0], &right, b"123456789"), Ok(()));
        assert_eq!(check(&CHECKSUMS[0], &right, b"12345678").unwrap_err().code, "BadDigest");
    }
}
