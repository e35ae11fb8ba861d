//! AWS regions in names.

use crate::names::{Partition, Region};

/// Suffixes of AWS's own names, by partition.
const SUFFIXES: [&str; 8] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

/// The region in a broker's name, as MSK makes it: `b-1.NAME.ID.c2.kafka.REGION.amazonaws.com`, and
/// `boot-ID.c1.kafka-serverless.REGION.amazonaws.com`.
pub(crate) fn of_broker(name: &str) -> Option<Region> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    SUFFIXES.iter().find_map(|suffix| {
        let labels = name.strip_suffix(suffix)?.strip_suffix('.')?;
        let (rest, region) = labels.rsplit_once('.')?;
        let service = rest.rsplit('.').next()?;
        let msk = ["kafka", "kafka-serverless"].contains(&service);
        msk.then(|| Region::parse(region).ok())?
    })
}

/// The host name of an AWS service in a region.
pub fn endpoint(service: &str, region: &str) -> String {
    let suffix = Partition::of(region).suffix;
    format!("{service}.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_broker_s_name_tells_its_region() {
        for (name, region) in [
            (
                "b-1.demo.abc123.c2.kafka.us-east-1.amazonaws.com",
                Some("us-east-1"),
            ),
            (
                "B-1.Demo.abc123.c2.Kafka.US-EAST-1.amazonaws.com.",
                Some("us-east-1"),
            ),
            (
                "b-2-public.demo.abc.c10.kafka.eu-west-3.amazonaws.com",
                Some("eu-west-3"),
            ),
            (
                "b-1.iam.demo.abc.c2.kafka.ap-southeast-2.amazonaws.com",
                Some("ap-southeast-2"),
            ),
            (
                "boot-abc.c1.kafka-serverless.us-east-2.amazonaws.com",
                Some("us-east-2"),
            ),
            (
                "b-1.demo.abc.c2.kafka.cn-north-1.amazonaws.com.cn",
                Some("cn-north-1"),
            ),
            (
                "b-1.demo.abc.c2.kafka.us-gov-west-1.amazonaws.com",
                Some("us-gov-west-1"),
            ),
            ("kafka.us-east-1.amazonaws.com.example.com", None),
            ("kafka.us-east-1.notamazonaws.com", None),
            ("b-1.demo.kafka.us-east-1.example.com", None),
            ("ec2-3-80-1-2.compute-1.amazonaws.com", None),
            ("b-1.rds.us-east-1.amazonaws.com", None),
            ("amazonaws.com", None),
            ("10.0.0.1", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(
                of_broker(name).as_ref().map(Region::as_str),
                region,
                "{name}"
            );
        }
    }

    #[test]
    fn china_has_a_suffix_of_its_own() {
        assert_eq!(endpoint("sts", "eu-west-1"), "sts.eu-west-1.amazonaws.com");
        assert_eq!(
            endpoint("sts", "cn-north-1"),
            "sts.cn-north-1.amazonaws.com.cn"
        );
    }

    proptest! {
        #[test]
        fn a_region_is_part_of_the_name(name in "[a-z0-9.é-]{0,40}(kafka)?[.]?[a-z0-9-]{0,12}[.](amazonaws[.]com)?") {
            if let Some(region) = of_broker(&name) {
                prop_assert!(name.contains(region.as_str()));
            }
        }
    }
}
