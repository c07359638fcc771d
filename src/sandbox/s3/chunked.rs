//! The encoding `aws-chunked`: a body in chunks, each with its length, and trailers behind them. Signatures of chunks are
//! not checked, like those of requests.

use std::collections::BTreeMap;

use crate::sandbox::wire::AwsError;

/// The body without its chunks, and the trailers by name.
pub(super) fn decode(body: &[u8]) -> Result<(Vec<u8>, BTreeMap<String, String>), AwsError> {
    let (mut rest, mut whole) = (body, Vec::new());
    loop {
        let (head, after) = line(rest).ok_or_else(incomplete)?;
        let length = head.split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(length.trim(), 16).map_err(|_| incomplete())?;
        rest = after;
        if length == 0 {
            break;
        }
        let (chunk, after) = rest.split_at_checked(length).ok_or_else(incomplete)?;
        whole.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or_else(incomplete)?;
    }
    let mut trailers = BTreeMap::new();
    while let Some((text, after)) = line(rest) {
        if let Some((name, value)) = text.split_once(':') {
            trailers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
        rest = after;
    }
    Ok((whole, trailers))
}

/// The first line and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

fn incomplete() -> AwsError {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    AwsError::invalid("IncompleteBody", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_a_body_and_trailers() {
        let body = b"5;chunk-signature=00\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let (whole, trailers) = decode(body).unwrap();
        assert_eq!(whole, b"hello!");
        assert_eq!(trailers["x-amz-checksum-crc32"], "AAAAAA==");
        assert_eq!(decode(b"0\r\n\r\n").unwrap().0, b"");
        for torn in [&b"5\r\nhell"[..], b"5\r\nhello", b"x\r\n", b""] {
            assert_eq!(decode(torn).unwrap_err().code, "IncompleteBody", "{torn:?}");
        }
    }
}
