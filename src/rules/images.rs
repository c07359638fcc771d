//! Names of container images.

/// An image in a private registry of ECR.
pub(super) struct Ecr<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    /// Without tag and digest.
    pub(super) repository: &'a str,
}

impl<'a> Ecr<'a> {
    /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG`, also FIPS and in China. None for other images.
    pub(super) fn of(image: &'a str) -> Option<Self> {
        let (host, rest) = image.split_once('/')?;
        let (account, host) = host.split_once('.')?;
        let host = host.strip_prefix("dkr.ecr.").or_else(|| host.strip_prefix("dkr.ecr-fips."))?;
        let region = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
        let is_number = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        let repository = rest.split(['@', ':']).next()?;
        is_number.then_some(Self { account, region, repository })
    }
}

/// The tag of an image; None where it has none, or a digest.
pub(super) fn tag(image: &str) -> Option<&str> {
    if image.contains('@') {
        return None;
    }
    // A colon before the last slash is a registry's port.
    let name = image.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_ecr() {
        let of = |image| Ecr::of(image).map(|one| (one.account, one.region, one.repository));
        let image = "123456789012.dkr.ecr.us-west-2.amazonaws.com/edge/till:7";
        assert_eq!(of(image), Some(("123456789012", "us-west-2", "edge/till")));
        assert_eq!(of("1.dkr.ecr.cn-north-1.amazonaws.com.cn/a@sha256:1").map(|one| one.2), Some("a"));
        assert_eq!(of("public.ecr.aws/nginx/nginx:1.29"), None);
        assert_eq!(of("nginx:1.29"), None);
    }

    #[test]
    fn tags() {
        assert_eq!(tag("localhost:5000/till"), None);
        assert_eq!(tag("localhost:5000/till:7"), Some("7"));
        assert_eq!(tag("till:7@sha256:0"), None);
    }
}
