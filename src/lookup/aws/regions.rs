//! AWS's regions and partitions, for messages and for what is the same in all of a partition.

use crate::spec::suggestions;

/// The regions that AWS's documentation lists (2026-11). It opens new ones: one that is not here is
/// asked all the same.
const REGIONS: [&str; 40] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-west-1",
    "us-west-2",
];

/// Whether this version knows it.
pub(crate) fn is_known(region: &str) -> bool {
    REGIONS.contains(&region)
}

/// The known region that is spelt most like this.
pub fn nearest(region: &str) -> Option<&'static str> {
    suggestions::nearest(region, REGIONS.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_region_has_a_nearest_one() {
        assert_eq!(nearest("us-esat-1"), Some("us-east-1"));
        assert!(REGIONS.is_sorted());
    }
}
