//! AWS partitions.

/// A partition ("AWS partitions" in AWS's white papers; the SDKs' `partitions.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs have it.
    pub name: &'static str,
    /// The prefix of its regions' names.
    regions: &'static str,
    /// The region that every account has, with IAM and STS.
    pub home: &'static str,
    /// The suffix of its endpoints' names.
    pub suffix: &'static str,
}

const AWS: Partition = Partition {
    name: "aws",
    regions: "",
    home: "us-east-1",
    suffix: "amazonaws.com",
};

const OTHERS: [Partition; 7] = [
    other("aws-cn", "cn-", "cn-north-1", "amazonaws.com.cn"),
    other("aws-us-gov", "us-gov-", "us-gov-west-1", "amazonaws.com"),
    other("aws-iso", "us-iso-", "us-iso-east-1", "c2s.ic.gov"),
    other("aws-iso-b", "us-isob-", "us-isob-east-1", "sc2s.sgov.gov"),
    other("aws-iso-e", "eu-isoe-", "eu-isoe-west-1", "cloud.adc-e.uk"),
    other("aws-iso-f", "us-isof-", "us-isof-south-1", "csp.hci.ic.gov"),
    other("aws-eusc", "eusc-", "eusc-de-east-1", "amazonaws.eu"),
];

const fn other(
    name: &'static str,
    regions: &'static str,
    home: &'static str,
    suffix: &'static str,
) -> Partition {
    Partition {
        name,
        regions,
        home,
        suffix,
    }
}

impl Partition {
    /// The partition of a region, by the region's name.
    pub fn of(region: &str) -> Self {
        let mut others = OTHERS.into_iter();
        others
            .find(|one| region.starts_with(one.regions))
            .unwrap_or(AWS)
    }

    /// The partition of an ARN; the default for an unknown name.
    pub fn named(name: &str) -> Self {
        let mut others = OTHERS.into_iter();
        others.find(|one| one.name == name).unwrap_or(AWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_and_arn_have_the_same_partition() {
        for (region, name, home) in [
            ("eu-south-1", "aws", "us-east-1"),
            ("cn-northwest-1", "aws-cn", "cn-north-1"),
            ("us-gov-east-1", "aws-us-gov", "us-gov-west-1"),
            ("us-iso-west-1", "aws-iso", "us-iso-east-1"),
            ("us-isob-east-1", "aws-iso-b", "us-isob-east-1"),
            ("us-isof-east-1", "aws-iso-f", "us-isof-south-1"),
        ] {
            let partition = Partition::of(region);
            assert_eq!((partition.name, partition.home), (name, home), "{region}");
            assert_eq!(Partition::named(name), partition);
            assert_eq!(Partition::of(home), partition, "{home}");
        }
        assert_eq!(Partition::of(""), AWS);
        assert_ne!(Partition::of("us-east-2").home, "us-east-2");
    }
}
